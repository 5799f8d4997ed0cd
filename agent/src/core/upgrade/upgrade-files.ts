/**
 * The files by which an upgrade of this host goes on from step to step, whoever is killed between. They lie beside the
 * folders of versions, as JSON, and are written by the upgrade unit alone, but for the request.
 */
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";

/** Of a release: the folder that it lies in, which ends with a hash of all its files. */
export type Version = string;

/** Written by whoever wants an upgrade, who then starts the unit without waiting for it. */
export type UpgradeRequest = {
  version: Version;
  /** Hex, of the release's MANIFEST as it is fetched. */
  manifestSha256: string;
  requestedBy: "package" | "install" | "fleet";
  /** The control plane to fetch it from; null: its folder lies here whole. */
  source: string | null;
};

type UpgradePhase = "checking" | "switching" | "probation" | "committing" | "reverting";

/** A process of the host, of one of its starts. */
export type ProcessStart = { pid: number; startTicks: number };

/** What the earlier version had when it was left; null where it wrote nothing down about itself. */
export type Baseline = {
  isControlPlaneAway: boolean;
  instances: (ProcessStart & { instanceId: string; runId: string })[];
};

/** How the new version fares. Times are milliseconds of CLOCK_MONOTONIC in the boot that `bootId` names. */
export type Probation = {
  bootId: string;
  /** When both units were stopped to start them anew, or that boot was first seen. */
  sinceMs: number;
  /** The last starts that were seen since then; null: none yet. */
  agentStartedMs: number | null;
  filesStartedMs: number | null;
  /** Since when the agent has no process; null: it has one. */
  agentDownSinceMs: number | null;
  /** Each start but the first. A boot counts as one. */
  agentRestarts: number;
  filesRestarts: number;
};

/** It exists only while an upgrade is under way. */
export type Upgrade = UpgradeRequest & {
  /** Counts the upgrades of this host, from 1. */
  attempt: number;
  from: Version;
  to: Version;
  phase: UpgradePhase;
  /** ISO 8601; null before it. */
  switchedAt: string | null;
  baseline: Baseline | null;
  /** Null before it began. */
  probation: Probation | null;
  /** Why it is undone; null unless it is. */
  reason: HostReason | null;
};

export type UpgradeResult = {
  attempt: number;
  from: Version;
  to: Version;
  result: "committed" | "reverted" | "refused";
  /** Null where it was committed. */
  reason: HostReason | null;
  /** ISO 8601. */
  at: string;
};

/** Never tried again, unless an operator takes it from the list. */
export type RefusedRelease = {
  version: Version;
  manifestSha256: string;
  reason: HostReason | null;
  at: string;
};
