/**
 * The messages between agent and control plane. Both sides parse what arrives with these schemas: unknown fields
 * are dropped, an unknown `kind` is refused, so a message that lands on the wrong subject means nothing there.
 */
import { z } from "zod";
import { MAX_EXEC_BYTES, MAX_EXEC_SECONDS } from "./exec-limits.ts";
import { BootId, GpuUuid, InstanceId, JournalId } from "../values/ids.ts";
import { DesiredInstance, ObservedInstance } from "../instance/instance.ts";
import { KernelNote, MAX_KERNEL_NOTES } from "../instance/gpu-errors.ts";
import { GpuReport, MachineReport } from "./host-report.ts";
import { DesiredFetch, MAX_FETCHES_OF_HOST, ObservedPull } from "../instance/image-fetch.ts";
import { InstanceFigures, MAX_FIGURES } from "../instance/instance-figures.ts";
import { DesiredLease, MAX_LEASES_OF_HOST, ObservedLease } from "../instance/lease.ts";
import {
  AccessReport,
  ArrivedAccessReport,
  Cut,
  GatewayAddress,
  KeySet,
  MAX_CUTS,
  MAX_GATEWAYS,
  MAX_KEY_SETS,
} from "../instance/ssh-access.ts";
import { ReportedReason } from "../reasons/host-reports/reported-reason.ts";
import { text } from "../values/text.ts";
import { NamedRelease, UpgradeReport } from "./upgrade-report.ts";

export const PROTOCOL = { min: 1, max: 2 } as const;
export const HEARTBEAT_MS = 10_000;
export const MAX_PAGE_BYTES = 512 * 1024;
/** The instances of one host; one that claims more is not believed. */
export const MAX_OBSERVED_INSTANCES = 4_096;
/** The pulls of one host: fetches, and pulls for orders that are placed there. */
export const MAX_OBSERVED_PULLS = 256;

const Term = z.int().nonnegative();
const Generation = z.int().nonnegative();
/** What an INT column of the control plane holds. */
const ProtocolNumber = z.int().nonnegative().max(2_147_483_647);
const ProtocolRange = z.object({ min: ProtocolNumber, max: ProtocolNumber });
const Digest = z.string().regex(/^[0-9a-f]{64}$/);

/** What of a GPU changes from one heartbeat to the next; the whole report goes with the observed state. */
export const GpuVitals = GpuReport.pick({
  uuid: true,
  health: true,
  memoryUsedMib: true,
  utilizationPercent: true,
  temperatureC: true,
  powerW: true,
  eccUncorrected: true,
  reasons: true,
  why: true,
  cordon: true,
  eccUncorrectedTotal: true,
  repairPending: true,
  repairFailed: true,
  throttleReasons: true,
  strangers: true,
  foreignMemoryMib: true,
  memorySplit: true,
  reasonCode: true,
  hasSign: true,
}).partial({ eccUncorrected: true });
export type GpuVitals = z.infer<typeof GpuVitals>;

export const Heartbeat = z.object({
  kind: z.literal("heartbeat"),
  version: text(32),
  protocol: ProtocolRange,
  bootId: BootId,
  /** Counts the agent's starts in its journal; only goes up. */
  agentEpoch: z.int().positive(),
  /** The host's CLOCK_MONOTONIC when this was sent, in whole milliseconds. */
  monotonicMs: z.int().nonnegative(),
  /** Round trip of the previous heartbeat as the host measured it; the control plane trusts the shortest. */
  lastRoundTripMs: z.int().nonnegative().nullable(),
  /**
   * How far the host's wall clock is ahead of the control plane's, by the answer before, to half its round trip; negative:
   * behind. Absent before the first answer, and from agents of before.
   */
  clockOffsetMs: z.int().optional().catch(undefined),
  applied: z.object({ term: Term, generation: Generation }),
  journal: z.object({
    id: JournalId,
    headSeq: z.int().nonnegative(),
    headHash: Digest,
    watermarkSeen: z.int().nonnegative(),
    /** Rows up to here were confirmed a week ago and are forgotten: nobody can ask for them again. */
    baseSeq: z.int().nonnegative().optional(),
    /** The highest db_incarnation the journal was told: one beyond Postgres' own shows a restored database. */
    dbIncarnationSeen: z.int().nonnegative().optional(),
  }),
  observedDigest: Digest,
  /** A short list of what is wrong with the host itself: "runtime-down", "nvidia-smi-hung", "disk-full". */
  degraded: z.array(text(64)).max(16),
  gpus: z.array(GpuVitals).max(64).default([]),
  /** What this agent can do beyond the protocol's first form (features.ts); absent from agents of before. */
  features: z.array(text(32)).max(32).optional(),
  /**
   * The figures of running containers, by turns where they are many. Absent from agents of before, and in most
   * heartbeats.
   */
  figures: z.array(InstanceFigures).max(MAX_FIGURES).optional().catch(undefined),
  /** Under the feature "upgrades"; one that makes no sense costs no heartbeat. */
  upgrade: UpgradeReport.optional().catch(undefined),
});
export type Heartbeat = z.infer<typeof Heartbeat>;

export const HeartbeatReply = z.object({
  kind: z.literal("heartbeat-reply"),
  term: Term,
  targetGeneration: Generation,
  watermark: z.int().nonnegative(),
  /** The digest of the observed state the control plane holds; the host sends `obs` when it differs. */
  observedDigest: Digest.nullable(),
  dbIncarnation: z.int().nonnegative(),
  /** RFC 3339, a label for logs. */
  time: z.string(),
  /** An administrator puts these cards back in service: the host's own cordon of exactly that moment is lifted. */
  liftCordons: z
    .array(z.object({ uuid: GpuUuid, sinceMs: z.int().nonnegative() }))
    .max(64)
    .optional(),
  /** What the control plane speaks and knows, so that the host uses what both do. Absent from one of before. */
  protocol: ProtocolRange.optional().catch(undefined),
  features: z.array(text(32)).max(64).optional().catch(undefined),
  /** What the host is to run; absent or null: nothing is to change. */
  release: NamedRelease.nullable().optional().catch(undefined),
});
export type HeartbeatReply = z.infer<typeof HeartbeatReply>;

export const PullRequest = z.object({
  kind: z.literal("pull"),
  /** First page: null. Further pages repeat the generation of the first; a changed one starts over. */
  generation: Generation.nullable(),
  page: z.int().nonnegative(),
});
export type PullRequest = z.infer<typeof PullRequest>;

export const PullReply = z.object({
  kind: z.literal("pull-reply"),
  term: Term,
  generation: Generation,
  page: z.int().nonnegative(),
  pages: z.int().positive(),
  /** Up to this generation an administrator has confirmed that the stops are meant, however many; null: none. */
  confirmedStops: Generation.nullable(),
  instances: z.array(DesiredInstance),
  /** All of the host, with the first page only. Absent from a control plane that knows none. */
  leases: z.array(DesiredLease).max(MAX_LEASES_OF_HOST).optional(),
  /** All of the host, with the first page only. Absent: none. */
  fetches: z.array(DesiredFetch).max(MAX_FETCHES_OF_HOST).optional(),
  // Each under its feature; agents without it ignore them.
  /** On any page: each set once, no later than the first instance that it opens. */
  keySets: z.array(KeySet).max(MAX_KEY_SETS).optional(),
  /** That cannot reach the host, so that it dials them; with the first page only. Absent: none. */
  gateways: z.array(GatewayAddress).max(MAX_GATEWAYS).optional(),
  /** All of the host, with the first page only. Absent: none. */
  cuts: z.array(Cut).max(MAX_CUTS).optional(),
});
export type PullReply = z.infer<typeof PullReply>;

/** The same as it arrives: its lists are read one by one (one-by-one.ts), since a later side may have written them. */
export const PulledPage = PullReply.extend({
  instances: z.array(z.unknown()),
  keySets: z.array(z.unknown()).max(MAX_KEY_SETS).optional(),
  cuts: z.array(z.unknown()).max(MAX_CUTS).optional(),
  gateways: z.array(z.unknown()).max(MAX_GATEWAYS).optional(),
  leases: z.array(z.unknown()).max(MAX_LEASES_OF_HOST).optional(),
  fetches: z.array(z.unknown()).max(MAX_FETCHES_OF_HOST).optional(),
});
export type PulledPage = z.infer<typeof PulledPage>;

export const ObservedReport = z.object({
  kind: z.literal("observed"),
  digest: Digest,
  page: z.int().nonnegative(),
  pages: z.int().positive(),
  machine: MachineReport.nullable(),
  gpus: z.array(GpuReport).max(64).nullable(),
  instances: z.array(ObservedInstance).max(MAX_OBSERVED_INSTANCES),
  /** All of the host, with the first page only. Absent or null: not to be told now, so nothing has changed. */
  leases: z.array(ObservedLease).max(MAX_LEASES_OF_HOST).nullable().optional(),
  /** All of the host, with the first page only. Absent or null: not to be told now, so nothing has changed. */
  pulls: z.array(ObservedPull).max(MAX_OBSERVED_PULLS).nullable().optional(),
  /** With the first page only. Absent or null: not to be told now, so nothing has changed. */
  access: AccessReport.nullable().optional(),
  /** With the first page only. Absent or null: not to be told now, so nothing has changed. */
  kernelNotes: z.array(KernelNote).max(MAX_KERNEL_NOTES).nullable().optional().catch(undefined),
});
export type ObservedReport = z.infer<typeof ObservedReport>;

/**
 * The same as it arrives: its runs and who is in are read one by one (one-by-one.ts), since a later side may have written
 * them. A book that is none costs no report.
 */
export const ObservedPage = ObservedReport.extend({
  instances: z.array(z.unknown()).max(MAX_OBSERVED_INSTANCES),
  access: ArrivedAccessReport.nullable().optional().catch(undefined),
});
export type ObservedPage = z.infer<typeof ObservedPage>;

export const ObservedReply = z.object({
  kind: z.literal("observed-reply"),
  digest: Digest,
  /** Where the further pages of this report go (subjects.ts, upObservedTo). */
  replica: z.string().regex(/^[A-Za-z0-9]{1,64}$/),
});
export type ObservedReply = z.infer<typeof ObservedReply>;

/** Names one command on its way; nobody guesses it. */
const ExecId = z.string().regex(/^[A-Za-z0-9_-]{16,64}$/);

export const ExecRequest = z.object({
  kind: z.literal("exec"),
  /** Absent from a control plane of before, which gives up no command. */
  execId: ExecId.optional(),
  instanceId: InstanceId,
  argv: z
    .array(text(64 * 1024))
    .min(1)
    .max(256),
  /** Base64. */
  stdin: z
    .string()
    .max(MAX_EXEC_BYTES * 2)
    .nullable(),
  timeoutSeconds: z.int().min(1).max(MAX_EXEC_SECONDS),
});
export type ExecRequest = z.infer<typeof ExecRequest>;

/** Nobody waits for that command any more. It has no answer of its own: the command's is "given-up". */
export const ExecStop = z.object({ kind: z.literal("exec-stop"), execId: ExecId });
export type ExecStop = z.infer<typeof ExecStop>;

/** Base64 of the raw bytes; both streams together are at most MAX_EXEC_BYTES. */
const Printed = { stdout: z.string(), stderr: z.string(), truncated: z.boolean() };

export const ExecReply = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("exec-reply"),
    exitCode: z.int(),
    ...Printed,
  }),
  z.object({
    kind: z.literal("exec-refused"),
    reason: z.enum([
      "no-such-instance",
      "not-running",
      "timeout",
      "given-up",
      "busy",
      "bad-request",
      "runtime-error",
    ]),
    detail: z.string().max(2000),
    /** The detail as a code. Agents of before send none. */
    why: ReportedReason,
    /** With "timeout": what it had printed until then. Agents of before keep nothing of it. */
    printed: z.object(Printed).optional(),
  }),
]);
export type ExecReply = z.infer<typeof ExecReply>;

/** Any request the control plane cannot serve now is answered with this instead of silence. */
export const Refusal = z.object({ kind: z.literal("refused"), reason: z.string().max(500) });
export type Refusal = z.infer<typeof Refusal>;
