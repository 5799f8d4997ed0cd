/**
 * One upgrade from its request to its result. It is killed anywhere and goes on from what is on the disk: each phase is
 * written down before its first act, and each act may be done again. Only here do the links of versions move.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Log } from "@remotegpu/shared/log";
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import {
  baselineOf,
  judge,
  newProbation,
  withStarts,
  type Observed,
  type ReportedHealth,
} from "../core/upgrade/probation.ts";
import { decideRequest } from "../core/upgrade/request-decision.ts";
import type { ProcessStart, Upgrade, UpgradeRequest, UpgradeResult } from "../core/upgrade/upgrade-files.ts";
import { AGENT_UNITS, COMMITTED_UNITS } from "../core/upgrade/unit-text.ts";
import type { UpgradeFolder } from "../host/upgrades/upgrade-folder.ts";
import { ReleaseRefusedError, verifyRelease } from "./release-folder.ts";
import type { ReleaseSource } from "./release-source.ts";
import type { Systemctl } from "./systemctl.ts";
import type { Trials } from "./trials.ts";
import type { UnitFiles } from "./unit-files.ts";

const POLL_MS = 1_000;
const [AGENT, FILES] = AGENT_UNITS;
const [, ...OWN_UNITS] = COMMITTED_UNITS;
const TIMERS = OWN_UNITS.filter((unit) => unit.endsWith(".timer"));

export type UpgradeRunOptions = {
  folder: UpgradeFolder;
  units: UnitFiles;
  systemctl: Systemctl;
  source: Pick<ReleaseSource, "fetch">;
  trials: Pick<Trials, "selfTest" | "observe" | "journal">;
  publicKeyFile: string;
  readHealth: () => ReportedHealth | null;
  /** Which of these processes live. */
  living: (processes: readonly ProcessStart[]) => Promise<ProcessStart[]>;
  clock: { bootId: string; monotonicMs: () => number; wallMs: () => number };
  probationMs: number;
  /** After so long in probation the caller is given the turn, so that one that hangs is noticed. */
  turnMs: number;
  pollMs?: number;
  log: Log;
};

export class UpgradeRun {
  readonly #options: UpgradeRunOptions;
  readonly #folder: UpgradeFolder;

  constructor(options: UpgradeRunOptions) {
    this.#options = options;
    this.#folder = options.folder;
  }

  /** Takes the request, if there is one and no upgrade is under way: then its release lies here whole. */
  async prepare(): Promise<void> {
    await this.#recordFailed();
    const [underWay, request] = [this.#folder.upgrade(), this.#folder.request()];
    // Another one waits for the end of this.
    if (underWay !== null && request?.manifestSha256 !== underWay.manifestSha256) return;
    if (underWay === null && request !== null) await this.#take(request);
    // One that cannot be read is nobody's.
    this.#folder.removeRequest();
  }

  /** "more": it is not at its end, and is to be called again at once. */
  async run(): Promise<"ended" | "more"> {
    await this.prepare();
    const endMs = this.#options.clock.monotonicMs() + this.#options.turnMs;
    for (;;) {
      const upgrade = this.#folder.upgrade();
      if (upgrade === null) return "ended";
      if (await this.#isToWait(upgrade)) {
        if (this.#options.clock.monotonicMs() >= endMs) return "more";
        await delay(this.#options.pollMs ?? POLL_MS);
      }
    }
  }

  async #isToWait(upgrade: Upgrade): Promise<boolean> {
    switch (upgrade.phase) {
      case "checking":
        await this.#check(upgrade);
        return false;
      case "switching":
        await this.#switch(upgrade);
        return false;
      case "probation":
        return await this.#watch(upgrade);
      case "committing":
        await this.#commit(upgrade);
        return false;
      case "reverting":
        await this.#revert(upgrade);
        return false;
    }
  }

  async #take(request: UpgradeRequest): Promise<void> {
    const current = this.#folder.linked("current");
    if (current === null) return;
    const decision = decideRequest(request, {
      current,
      refused: this.#folder.refused(),
      results: this.#folder.results(),
      nowMs: this.#options.clock.wallMs(),
    });
    if (decision.kind === "ignore")
      return this.#options.log.info(
        { version: request.version, because: decision.because },
        "nothing to upgrade",
      );
    const upgrade: Upgrade = {
      ...request,
      attempt: decision.attempt,
      from: current,
      to: request.version,
      phase: "checking",
      switchedAt: null,
      baseline: null,
      probation: null,
      reason: null,
    };
    try {
      await this.#provide(request, current);
    } catch (error) {
      if (!(error instanceof ReleaseRefusedError)) throw error;
      // It may be another time that it can be had, so the release itself is not refused.
      return this.#end(upgrade, "refused", error.reason);
    }
    this.#folder.writeUpgrade(upgrade);
    this.#options.log.info({ from: current, to: upgrade.to, attempt: upgrade.attempt }, "an upgrade begins");
  }

  /** @throws ReleaseRefusedError */
  async #provide(request: UpgradeRequest, current: string): Promise<void> {
    const { publicKeyFile, source } = this.#options;
    const place = this.#folder.versionFolder(request.version);
    try {
      await verifyRelease(place, request, publicKeyFile);
    } catch (error) {
      if (!(error instanceof ReleaseRefusedError) || request.source === null) throw error;
      await source.fetch({ ...request, source: request.source }, current);
    }
  }

  async #check(upgrade: Upgrade): Promise<void> {
    const { systemctl, trials, clock, readHealth } = this.#options;
    const place = this.#folder.versionFolder(upgrade.to);
    // Of an agent that does not run there is nothing to compare with: an upgrade may be what mends it.
    const reason =
      (await trials.selfTest(place)) ??
      ((await systemctl.state(AGENT)).isActive ? await trials.observe(place) : null);
    if (reason !== null) {
      this.#refuse(upgrade, reason);
      return this.#end(upgrade, "refused", reason);
    }
    const now = { bootId: clock.bootId, nowMs: clock.monotonicMs() };
    this.#enter(upgrade, { phase: "switching", baseline: baselineOf(readHealth(), now) });
  }

  async #switch(upgrade: Upgrade): Promise<void> {
    const { systemctl, units, clock } = this.#options;
    this.#folder.setLink("previous", upgrade.from);
    units.place(upgrade.to, AGENT_UNITS);
    this.#folder.setLink("current", upgrade.to);
    await systemctl.reloadIfNeeded(AGENT_UNITS);
    await systemctl.stop(AGENT_UNITS);
    this.#enter(upgrade, {
      phase: "probation",
      switchedAt: new Date(clock.wallMs()).toISOString(),
      probation: newProbation(clock.bootId, clock.monotonicMs()),
    });
    await systemctl.start(AGENT_UNITS);
  }

  /** @returns whether there is nothing to do for now */
  async #watch(upgrade: Upgrade): Promise<boolean> {
    const { clock, probationMs } = this.#options;
    const observed = await this.#observe(upgrade);
    const before = upgrade.probation ?? newProbation(clock.bootId, clock.monotonicMs());
    const probation = withStarts(before, observed);
    const watched = { ...upgrade, probation };
    if (JSON.stringify(probation) !== JSON.stringify(upgrade.probation)) this.#folder.writeUpgrade(watched);
    // Nothing has started them where this unit was killed just before.
    if (probation.agentStartedMs === null) await this.#options.systemctl.start(AGENT_UNITS);
    const verdict = judge({ probation, baseline: upgrade.baseline, probationMs }, observed);
    if (verdict.kind === "revert") this.#enter(watched, { phase: "reverting", reason: verdict.reason });
    if (verdict.kind === "commit") await this.#commitIfWhole(watched);
    return verdict.kind === "wait";
  }

  /** From the commit on nobody looks at the journal until the agent starts again, which may be in a year. */
  async #commitIfWhole(upgrade: Upgrade): Promise<void> {
    const reason = await this.#options.trials.journal(this.#folder.versionFolder(upgrade.to));
    this.#enter(upgrade, reason === null ? { phase: "committing" } : { phase: "reverting", reason });
  }

  async #observe({ baseline }: Upgrade): Promise<Observed> {
    const { systemctl, clock, readHealth, living } = this.#options;
    const [agent, files] = [await systemctl.state(AGENT), await systemctl.state(FILES)];
    const alive = await living(baseline?.instances ?? []);
    return { bootId: clock.bootId, nowMs: clock.monotonicMs(), agent, files, health: readHealth(), alive };
  }

  async #commit(upgrade: Upgrade): Promise<void> {
    const { systemctl, units } = this.#options;
    // From here on the access process hands over, and is started from there where it ends.
    this.#folder.setLink("committed", upgrade.to);
    units.place(upgrade.to, COMMITTED_UNITS);
    units.placeShell(upgrade.to);
    await systemctl.reloadIfNeeded(COMMITTED_UNITS);
    for (const timer of TIMERS) await systemctl.enable(timer);
    this.#end(upgrade, "committed", null);
  }

  /** First it is refused: the agent that comes back must not want it again. */
  async #revert(upgrade: Upgrade): Promise<void> {
    const { systemctl, units } = this.#options;
    this.#refuse(upgrade, upgrade.reason);
    units.place(upgrade.from, AGENT_UNITS);
    this.#folder.setLink("current", upgrade.from);
    await systemctl.reloadIfNeeded(AGENT_UNITS);
    // It would be waited for in vain, and nothing is metered meanwhile.
    if (upgrade.reason?.code === "upgrade-hung") await systemctl.kill(AGENT);
    await systemctl.stop(AGENT_UNITS);
    await systemctl.start(AGENT_UNITS);
    this.#end(upgrade, "reverted", upgrade.reason);
  }

  /** What the unit's shell has undone, since the new version could not even judge itself. */
  async #recordFailed(): Promise<void> {
    const { systemctl, units } = this.#options;
    const failed = this.#folder.failedUpgrade();
    if (failed !== null) {
      const reason = failed.reason ?? { code: "upgrade-not-judged", params: {} };
      this.#refuse(failed, reason);
      units.place(failed.from, AGENT_UNITS);
      await systemctl.reloadIfNeeded(AGENT_UNITS);
      this.#end(failed, failed.phase === "checking" ? "refused" : "reverted", reason);
    }
    this.#folder.removeFailedUpgrade();
  }

  #refuse({ version, manifestSha256 }: Upgrade, reason: HostReason | null): void {
    const at = new Date(this.#options.clock.wallMs()).toISOString();
    this.#folder.refuse({ version, manifestSha256, reason, at });
  }

  #enter(upgrade: Upgrade, change: Pick<Upgrade, "phase"> & Partial<Upgrade>): void {
    this.#folder.writeUpgrade({ ...upgrade, ...change });
    const { phase, reason } = { ...upgrade, ...change };
    this.#options.log.info({ to: upgrade.to, phase, reason }, "the upgrade goes on");
  }

  #end({ attempt, from, to }: Upgrade, result: UpgradeResult["result"], reason: HostReason | null): void {
    const at = new Date(this.#options.clock.wallMs()).toISOString();
    this.#folder.addResult({ attempt, from, to, result, reason, at });
    this.#folder.removeUpgrade();
    this.#options.log.info({ from, to, result, reason }, "the upgrade has ended");
  }
}
