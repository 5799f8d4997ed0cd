/**
 * The upgrade of a host's agent as both sides speak of it: what a host reports of its release in its heartbeats, and which
 * release a heartbeat's reply names. Both are optional: sides of before know nothing of them.
 */
import { z } from "zod";
import type { AnyReason } from "../reasons/parameters.ts";
import { isBounded } from "../reasons/host-reports/reported-reason.ts";
import { text } from "../values/text.ts";

/** A release by the name of its folder: `0.2.0-1a2b3c4d5e6f`. */
export const RELEASE_VERSION = /^\d{1,5}\.\d{1,5}\.\d{1,5}[0-9A-Za-z.+~-]{0,80}$/;
const ReleaseVersion = z.string().regex(RELEASE_VERSION);

/** While an upgrade is under way. */
export const UPGRADE_PHASES = ["checking", "switching", "probation", "committing", "reverting"] as const;
export const UPGRADE_RESULTS = ["committed", "reverted", "refused"] as const;

/** The newest are reported where a host refuses more. */
export const MAX_REFUSED_RELEASES = 32;

/** Of a catalogue that may be later than this side's; what shows it falls back to the code. */
const UpgradeReason = z
  .custom<AnyReason>((value) => isBounded(value))
  .pipe(z.object({ code: text(64), params: z.record(z.string(), z.unknown()) }));

const UpgradeResult = z.object({
  /** Distinguishes the attempts of one host. */
  attempt: z.union([z.int().nonnegative(), text(64)]),
  from: ReleaseVersion.nullable(),
  to: ReleaseVersion,
  result: z.enum(UPGRADE_RESULTS),
  reason: UpgradeReason.nullable().optional().catch(undefined),
  /** By the host's clock. */
  at: z.iso.datetime({ offset: true }),
});
export type UpgradeResult = z.infer<typeof UpgradeResult>;

export const UpgradeReport = z.object({
  /** The release that runs. */
  version: ReleaseVersion,
  /** The release that a revert would end in; null before the first commit. */
  committed: ReleaseVersion.nullable(),
  /** Null: no upgrade is under way. A phase of a later version counts as the probation. */
  phase: z.enum(UPGRADE_PHASES).catch("probation").nullable(),
  to: ReleaseVersion.nullable(),
  last: UpgradeResult.nullable(),
  /** Releases that are not tried again on this host. */
  refused: z.array(ReleaseVersion).max(MAX_REFUSED_RELEASES).optional(),
});
export type UpgradeReport = z.infer<typeof UpgradeReport>;

/** The release that a host is to run. */
export const NamedRelease = z.object({
  version: ReleaseVersion,
  /** Of the list of hashes of its files. */
  manifestSha256: z.string().regex(/^[0-9a-f]{64}$/),
});
export type NamedRelease = z.infer<typeof NamedRelease>;
