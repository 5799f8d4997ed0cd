/**
 * The agent's link to upgrades: it reports which release runs and what came of upgrades, and hands the release that the
 * control plane names to the upgrade unit, which alone switches. Where the agent does not run from an installed release, as
 * in a checkout, there is nothing to report and nothing to be handed on.
 */
import { existsSync } from "node:fs";
import type { Log } from "@remotegpu/shared/log";
import type { NamedRelease, UpgradeReport } from "@remotegpu/shared/messages/upgrade-report";
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import { isToBeRequested } from "../core/upgrade/named-release.ts";
import type { CommandOutcome } from "../host/host-command.ts";
import type { ReleaseFiles } from "../host/release-files.ts";

const UNIT = "remotegpu-upgrade.service";
/** The unit writes down within seconds that it has begun; until then it is not asked again. */
const REQUESTED_AGAIN_MS = MS_PER_MINUTE;
const START_WITHIN_MS = 10_000;
/** It is there where systemd is this host's init. */
const SYSTEMD_FOLDER = "/run/systemd/system";

export type UpgradeLinkOptions = {
  files: ReleaseFiles;
  /** The control plane's URL; null: this host was never told it. */
  source: string | null;
  systemctl: { run(args: readonly string[], options: { deadlineMs: number }): Promise<CommandOutcome> };
  systemdFolder?: string;
  monotonicMs: () => number;
  log: Log;
};

export class UpgradeLink {
  readonly #options: UpgradeLinkOptions;
  /** Whether this host can upgrade itself. */
  readonly isAble: boolean;
  #requestedMs = Number.NEGATIVE_INFINITY;

  constructor(options: UpgradeLinkOptions) {
    this.#options = options;
    const { files, source, systemdFolder = SYSTEMD_FOLDER } = options;
    this.isAble = source !== null && existsSync(systemdFolder) && files.isCurrent;
  }

  /** Null: this host cannot upgrade itself. */
  report(): UpgradeReport | null {
    if (!this.isAble) return null;
    const { refused, ...report } = this.#options.files.read();
    return { ...report, refused: refused.map(({ version }) => version) };
  }

  /** Resolves when the upgrade unit was asked, or does not have to be. */
  async named(release: NamedRelease): Promise<void> {
    const { files, source, systemctl, monotonicMs, log } = this.#options;
    if (!this.isAble || source === null) return;
    const written = files.read();
    const report = { ...written, refused: [] };
    if (!isToBeRequested(release, { report, refused: written.refused })) return;
    const nowMs = monotonicMs();
    if (nowMs - this.#requestedMs < REQUESTED_AGAIN_MS) return;
    this.#requestedMs = nowMs;
    try {
      files.request({ ...release, requestedBy: "fleet", source });
    } catch (error) {
      log.error({ error, release: release.version }, "the release to run could not be written down");
      return;
    }
    const outcome = await systemctl.run(["start", "--no-block", UNIT], { deadlineMs: START_WITHIN_MS });
    if (outcome.kind === "ended" && outcome.exitCode === 0)
      log.info({ release: release.version }, "the upgrade unit is to switch to this release");
    else log.error({ outcome, release: release.version }, "the upgrade unit could not be started");
  }
}
