/** The config of a training job's order, as API and tables name it. */
import { type Feature, featuresFor } from "@remotegpu/shared/instance/features";
import type { RankLaunch } from "@remotegpu/shared/instance/rank-launch";
import { MS_PER_MINUTE, MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { type RankCode, rankName, visibleTo, STOP_GRACE_SECONDS } from "../instances/desired-set.ts";
import type { OrderConfig } from "../orders/order.ts";
import type { LogRule } from "./log-rules.ts";
import type { RankNetwork } from "./gang-network.ts";
import { isLaunched } from "./launch/launch-environment.ts";
import {
  type DistributedConfig,
  FRAMEWORKS,
  processesOf,
  rankEnvironment,
  RENDEZVOUS,
} from "./rank-environment.ts";
import { STANDARD_STALL_MINUTES } from "./stalls.ts";
import { type RetryTerms, STANDARD_INFRASTRUCTURE_RETRIES } from "./retries.ts";

export interface JobConfig extends OrderConfig {
  /** It ends by then, as failed. */
  max_minutes?: number | undefined;
  /** From the word to end to the kill. */
  stop_grace_seconds?: number | undefined;
  /** So often it is tried again after its own failure; 0 without it. */
  max_retries?: number | undefined;
  /** So often after a failure of what it stands on; 3 without it. */
  max_infrastructure_retries?: number | undefined;
  /** After so long without doing anything it is told to have stalled; 0 never, 15 without it. */
  stall_minutes?: number | undefined;
  /** It is ended then and tried again, as after its own failure. */
  stall_retry?: boolean | undefined;
  /** What the output of a failed attempt says of the next one. */
  log_rules?: readonly LogRule[] | undefined;
}

export function retryTerms(config: JobConfig | null): RetryTerms {
  return {
    infrastructure: config?.max_infrastructure_retries ?? STANDARD_INFRASTRUCTURE_RETRIES,
    program: config?.max_retries ?? 0,
  };
}

export function stopGraceSeconds(config: JobConfig | null): number {
  return config?.stop_grace_seconds ?? STOP_GRACE_SECONDS;
}

/** Null for one that nobody is to watch. */
export function stallAfterSeconds(config: JobConfig | null): number | null {
  const minutes = config?.stall_minutes ?? STANDARD_STALL_MINUTES;
  return minutes === 0 ? null : Math.ceil((minutes * MS_PER_MINUTE) / MS_PER_SECOND);
}

/** What of a start decides what its agents must do. */
export interface JobStart {
  attempt: number;
  ranks: number;
  code: RankCode["kind"] | null;
  distributed: DistributedConfig | null;
}

/** What is in it makes no difference. */
const ANY_CODE: { [Kind in RankCode["kind"]]: RankCode & { kind: Kind } } = {
  brought: { kind: "brought", sha256: "", bytes: 0 },
  "of-environment": { kind: "of-environment", environmentId: "" },
};

/** The features that the hosts' agents need beyond what every job needs. */
export function jobNeeds(
  config: JobConfig | null,
  { attempt, ranks, code, distributed }: JobStart,
): Feature[] {
  const visible = visibleTo({ id: "", attempt, code: code === null ? null : ANY_CODE[code] });
  const launch = launchOf(distributed, { rank: 0, ranks, gpus: 0, attempt });
  const spec = {
    ...visible,
    ...(ranks > 1 && { gate: "released" as const }),
    ...(launch !== null && { launch }),
  };
  return featuresFor({ spec, live: { stopGraceSeconds: stopGraceSeconds(config) } });
}

/** The old system kept whatever it was given; what names no framework that we know says nothing. */
export function distributedConfigOf(stored: Record<string, unknown> | null): DistributedConfig | null {
  const framework = FRAMEWORKS.find((known) => known === stored?.["framework"]);
  if (framework === undefined) return null;
  const backend = stored?.["backend"];
  const rdzv = RENDEZVOUS.find((known) => known === stored?.["rdzv"]);
  return {
    framework,
    ...(typeof backend === "string" && { backend }),
    ...(rdzv !== undefined && { rdzv }),
  };
}

/** Which part a rank has where one starts the processes of all; null where each runs its own command. */
export function launchOf(
  config: DistributedConfig | null,
  { rank, ranks, gpus, attempt }: { rank: number; ranks: number; gpus: number; attempt: number },
): RankLaunch | null {
  if (ranks === 1 || !isLaunched(config?.framework)) return null;
  return { role: rank === 0 ? "leads" : "follows", attempt, slots: processesOf(gpus) };
}

/** A single rank that names no framework does not look distributed. */
export function distributedEnv(
  config: DistributedConfig | null,
  of: { id: string; attempt: number; rank: number; gpus: number; gang: RankNetwork | null },
): Record<string, string> {
  const { id, attempt, rank, gpus, gang } = of;
  if (gang === null && config === null) return {};
  const names = gang?.hosts.map(({ name }) => name) ?? [rankName(of)];
  return rankEnvironment(config, { rank, names, gpus, attemptId: `${id}-${attempt}` });
}
