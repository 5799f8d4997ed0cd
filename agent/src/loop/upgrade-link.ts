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
import type { Version } from "../core/upgrade/upgrade-files.ts";
import type { CommandOutcome } from "../host/host-command.ts";
import type { UpgradeFolder } from "../host/upgrades/upgrade-folder.ts";

const UNIT = "remotegpu-upgrade.service";
/** The unit writes down within seconds that it has begun; until then it is not asked again. */
const REQUESTED_AGAIN_MS = MS_PER_MINUTE;
const START_WITHIN_MS = 10_000;
/** It is there where systemd is this host's init. */
const SYSTEMD_FOLDER = "/run/systemd/system";

export type UpgradeLinkOptions = {
  folder: UpgradeFolder;
  /** The release that runs, by its folder's name. */
  version: Version;
  /** The control plane's URL; null: this host was never told it. */
  source: string | null;
  systemctl: { run(args: readonly string[], options: { deadlineMs: number }): Promise<CommandOutcome> };
  systemdFolder?: string;
  /** A drill runs, whose faults would count against the release. */
  isDrilled: () => boolean;
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
    const { folder, version, source, systemdFolder = SYSTEMD_FOLDER } = options;
    this.isAble = source !== null && existsSync(systemdFolder) && folder.linked("current") === version;
  }

  /** Null: this host cannot upgrade itself, or its disk does not say what became of it. */
  report(): UpgradeReport | null {
    const { folder, version } = this.#options;
    return this.isAble ? this.#readable(() => folder.report(version)) : null;
  }

  /** Resolves when the upgrade unit was asked, or does not have to be: the release is named with each heartbeat. */
  async named(release: NamedRelease): Promise<void> {
    const { folder, version, source, systemctl, isDrilled, monotonicMs, log } = this.#options;
    if (!this.isAble || source === null || isDrilled()) return;
    const isWanted = this.#readable(() =>
      isToBeRequested(release, { report: folder.report(version), refused: folder.refused() }),
    );
    if (isWanted !== true) return;
    const nowMs = monotonicMs();
    if (nowMs - this.#requestedMs < REQUESTED_AGAIN_MS) return;
    this.#requestedMs = nowMs;
    try {
      folder.writeRequest({ ...release, requestedBy: "fleet", source });
    } catch (error) {
      log.error({ error, release: release.version }, "the release to run could not be written down");
      return;
    }
    const outcome = await systemctl.run(["start", "--no-block", UNIT], { deadlineMs: START_WITHIN_MS });
    if (outcome.kind === "ended" && outcome.exitCode === 0)
      log.info({ release: release.version }, "the upgrade unit is to switch to this release");
    else log.error({ outcome, release: release.version }, "the upgrade unit could not be started");
  }

  #readable<Content>(read: () => Content): Content | null {
    try {
      return read();
    } catch (error) {
      this.#options.log.error({ error }, "what became of upgrades could not be read");
      return null;
    }
  }
}
