/**
 * The files and links of upgrades, below /opt/remotegpu. Everybody who reads a host's upgrades does so here; only the upgrade
 * unit writes anything but a request. A file that cannot be read counts as none: after a loss of power that is all that a
 * writer other than DurableDisk can have left.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  MAX_REFUSED_RELEASES,
  RELEASE_VERSION,
  UpgradeReport,
} from "@remotegpu/shared/messages/upgrade-report";
import { isHostReason, type HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import { z } from "zod";
import type {
  RefusedRelease,
  Upgrade,
  UpgradeRequest,
  UpgradeResult,
  Version,
} from "../../core/upgrade/upgrade-files.ts";
import { DurableDisk, linkTarget } from "./durable-disk.ts";

const REQUEST_FILE = "upgrade-request.json";
const UPGRADE_FILE = "upgrade.json";
/** What the shell of the unit makes of `upgrade.json` where the new version could not even judge itself. */
const FAILED_UPGRADE_FILE = "upgrade-failed.json";
const RESULTS_FILE = "upgrade-results.json";
const REFUSED_FILE = "refused-releases.json";
const MAX_RESULTS = 20;
/** More are as good as none: a release that is this old is offered to nobody. */
const MAX_REFUSED = 200;

const MAX_FILE_CHARACTERS = 1_000_000;
/** The folder of a version: it stands in paths and in the units' shell. */
const VersionName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/);
const Sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const Milliseconds = z.int().nonnegative();
/** One that this version does not know is shown as none. */
const Reason = z
  .unknown()
  .optional()
  .transform((value): HostReason | null => (isHostReason(value) ? value : null));

const Request = z.object({
  version: VersionName,
  manifestSha256: Sha256,
  requestedBy: z.enum(["package", "install", "fleet"]),
  source: z.url({ protocol: /^https?$/ }).nullable(),
}) satisfies z.ZodType<UpgradeRequest>;

const Running = z.object({
  instanceId: z.string(),
  runId: z.string(),
  pid: z.int(),
  startTicks: z.int(),
});

const Probation = z.object({
  bootId: z.string(),
  sinceMs: Milliseconds,
  agentStartedMs: Milliseconds.nullable(),
  filesStartedMs: Milliseconds.nullable(),
  agentDownSinceMs: Milliseconds.nullable(),
  agentRestarts: z.int().nonnegative(),
  filesRestarts: z.int().nonnegative(),
});

const UnderWay = Request.extend({
  attempt: z.int().positive(),
  from: VersionName,
  to: VersionName,
  phase: z.enum(["checking", "switching", "probation", "committing", "reverting"]),
  switchedAt: z.string().nullable(),
  baseline: z.object({ isControlPlaneAway: z.boolean(), instances: z.array(Running) }).nullable(),
  probation: Probation.nullable(),
  reason: Reason,
}) satisfies z.ZodType<Upgrade>;

const Result = z.object({
  attempt: z.int().positive(),
  from: VersionName,
  to: VersionName,
  result: z.enum(["committed", "reverted", "refused"]),
  reason: Reason,
  at: z.string(),
}) satisfies z.ZodType<UpgradeResult>;

const Refused = z.object({
  version: VersionName,
  manifestSha256: Sha256,
  reason: Reason,
  at: z.string(),
}) satisfies z.ZodType<RefusedRelease>;

/** What of a report `upgrade.json` says. */
const ReportedUpgrade = UpgradeReport.pick({ phase: true, to: true });
const NONE_UNDER_WAY: z.infer<typeof ReportedUpgrade> = { phase: null, to: null };
const ReportedResults = z.array(z.unknown());

export type LinkName = "current" | "previous" | "committed";

export class UpgradeFolder {
  readonly path: string;
  readonly #disk: DurableDisk;

  /** @param path of the folder that has a folder for each version */
  constructor(path: string, disk: DurableDisk = new DurableDisk()) {
    this.path = path;
    this.#disk = disk;
  }

  versionFolder(version: Version): string {
    return join(this.path, version);
  }

  /** The version that a link names, whether it is there or not; null: there is no such link. */
  linked(name: LinkName): Version | null {
    return linkTarget(join(this.path, name));
  }

  setLink(name: LinkName, version: Version): void {
    this.#disk.link(join(this.path, name), version);
  }

  request(): UpgradeRequest | null {
    return this.#read(REQUEST_FILE, Request);
  }

  /** Whoever wrote it starts the unit then, without waiting for it. */
  writeRequest(request: UpgradeRequest): void {
    this.#write(REQUEST_FILE, request);
  }

  removeRequest(): void {
    this.#disk.remove(join(this.path, REQUEST_FILE));
  }

  upgrade(): Upgrade | null {
    return this.#read(UPGRADE_FILE, UnderWay);
  }

  writeUpgrade(upgrade: Upgrade): void {
    this.#write(UPGRADE_FILE, upgrade);
  }

  removeUpgrade(): void {
    this.#disk.remove(join(this.path, UPGRADE_FILE));
  }

  /** That the shell of the unit has undone. */
  failedUpgrade(): Upgrade | null {
    return this.#read(FAILED_UPGRADE_FILE, UnderWay);
  }

  removeFailedUpgrade(): void {
    this.#disk.remove(join(this.path, FAILED_UPGRADE_FILE));
  }

  /** The newest last. */
  results(): UpgradeResult[] {
    return this.#read(RESULTS_FILE, z.array(Result)) ?? [];
  }

  /** An attempt has one result, however often it is added. */
  addResult(result: UpgradeResult): void {
    const others = this.results().filter(({ attempt }) => attempt !== result.attempt);
    this.#write(RESULTS_FILE, [...others, result].slice(-MAX_RESULTS));
  }

  refused(): RefusedRelease[] {
    return this.#read(REFUSED_FILE, z.array(Refused)) ?? [];
  }

  isRefused({ manifestSha256 }: Pick<RefusedRelease, "manifestSha256">): boolean {
    return this.refused().some((release) => release.manifestSha256 === manifestSha256);
  }

  refuse(release: RefusedRelease): void {
    if (this.isRefused(release)) return;
    this.#write(REFUSED_FILE, [...this.refused(), release].slice(-MAX_REFUSED));
  }

  /** @returns whether it was refused */
  allow(version: Version): boolean {
    const refused = this.refused();
    const left = refused.filter((release) => release.version !== version);
    if (left.length < refused.length) this.#write(REFUSED_FILE, left);
    return left.length < refused.length;
  }

  /**
   * What a running agent reports. A later version, whose upgrade is under way or was taken back, may have written what only it
   * knows: its phase counts as the probation, and its reason is passed on.
   *
   * @param version that runs
   */
  report(version: Version): UpgradeReport {
    const refused = this.refused().map((release) => release.version);
    return {
      version,
      committed: this.linked("committed"),
      ...(this.#read(UPGRADE_FILE, ReportedUpgrade) ?? NONE_UNDER_WAY),
      last:
        UpgradeReport.shape.last.safeParse(this.#read(RESULTS_FILE, ReportedResults)?.at(-1)).data ?? null,
      refused: refused.filter((name) => RELEASE_VERSION.test(name)).slice(-MAX_REFUSED_RELEASES),
    };
  }

  /** The upgrade unit may remove it at any moment. */
  #read<T>(name: string, schema: z.ZodType<T>): T | null {
    try {
      const text = readFileSync(join(this.path, name), "utf8").slice(0, MAX_FILE_CHARACTERS);
      return schema.safeParse(JSON.parse(text)).data ?? null;
    } catch (error) {
      if (error instanceof SyntaxError) return null;
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
      throw error;
    }
  }

  #write(name: string, content: unknown): void {
    this.#disk.write(join(this.path, name), `${JSON.stringify(content)}\n`, 0o644);
  }
}
