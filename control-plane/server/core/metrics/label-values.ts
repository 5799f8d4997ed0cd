/** The values of labels that are few and known, whatever codes and reasons there are behind them. */
import type { WorkloadKind } from "@remotegpu/shared/values/workload";
import { OTHER } from "./bounded-label.ts";

export const WAITING_REASONS = [
  "room",
  "turn",
  "no-host",
  "impossible",
  "price",
  "funds",
  "quota",
  "image",
  "stop",
  "network",
  "storage",
  OTHER,
] as const;
export type WaitingReason = (typeof WAITING_REASONS)[number];

const BY_CODE: ReadonlyMap<string, WaitingReason> = new Map([
  ["waiting-for-place", "room"],
  ["replica-waiting-for-place", "room"],
  ["waiting-on-hosts", "room"],
  ["waiting-for-places", "room"],
  ["waiting-for-places-on-hosts", "room"],
  ["waiting-for-another-gpu", "room"],
  ["place-taken-meanwhile", "room"],
  ["waiting-behind-first", "turn"],
  ["waiting-for-turn", "turn"],
  ["no-host-joined", "no-host"],
  ["no-host-can-take-it", "impossible"],
  ["waiting-for-price", "price"],
  ["waiting-for-funds", "funds"],
  ["waiting-for-quota", "quota"],
  ["waiting-for-image", "image"],
  ["waiting-for-stop", "stop"],
  ["waiting-for-network", "network"],
  ["waiting-for-confirmed-address", "network"],
  ["hosts-without-confirmed-address", "network"],
  ["hosts-not-reaching-each-other", "network"],
  ["mount-missing-in-pool", "storage"],
]);

/** @param code of the reason that the order has; null where it has none yet */
export function waitingReasonOf(code: string | null): WaitingReason {
  return code === null ? "room" : (BY_CODE.get(code) ?? OTHER);
}

export const PLACEMENT_RESULTS = ["placed", "taken", "held", "image", "refused", "gone"] as const;
export type PlacementResult = (typeof PLACEMENT_RESULTS)[number];

/** What came of a placement, as the scheduler knows it. */
type CommitResult =
  | "committed"
  | "not-queued"
  | "taken"
  | "still-held"
  | "image"
  | "image-first"
  | "price"
  | "quota"
  | "funds"
  | "mount-not-found"
  | "mount-not-ready";

export function placementResultOf(result: CommitResult): PlacementResult {
  switch (result) {
    case "committed":
      return "placed";
    case "taken":
      return "taken";
    case "still-held":
      return "held";
    case "image":
    case "image-first":
      return "image";
    case "price":
    case "quota":
    case "funds":
    case "mount-not-found":
    case "mount-not-ready":
      return "refused";
    case "not-queued":
      return "gone";
  }
}

export interface CountedPlacement {
  readonly kind: WorkloadKind;
  readonly result: PlacementResult;
  /** Since the order, where it was placed. */
  readonly waitedMs: number | null;
}

export const REJECTION_REASONS = [
  "unknown-run",
  "foreign-run",
  "wrong-placement",
  "over-claim",
  "unknown-boot",
  "broken-chain",
  "bad-signature",
  OTHER,
] as const;
export const CHARGED_LINES = ["spec", "cpu", "memory", "gpu", "storage", OTHER] as const;
export const CREDIT_CAUSES = ["topup", "credit", "refund", "adjustment", "writeoff", OTHER] as const;
export const START_PHASES = ["queue", "pull", "create", "ready"] as const;
export const GPU_STATES = ["free", "held", "cordoned", "missing"] as const;
export const WEBHOOK_RESULTS = ["delivered", "refused", "failed"] as const;
export const QUERY_SCOPES = ["statement", "transaction"] as const;

/** A slice of a GPU is charged as the GPU is, and temporary storage as storage. */
export function chargedLineOf(line: string): (typeof CHARGED_LINES)[number] {
  if (line === "gpu_memory") return "gpu";
  if (line === "temp_storage") return "storage";
  return knownOr(CHARGED_LINES, line);
}

/** The value itself where it is one of those known. */
export function knownOr<Known extends string>(known: readonly Known[], value: string): Known | typeof OTHER {
  return known.find((one) => one === value) ?? OTHER;
}

export const STATUS_CLASSES = ["1xx", "2xx", "3xx", "4xx", "5xx"] as const;

export function statusClassOf(status: number): (typeof STATUS_CLASSES)[number] {
  return STATUS_CLASSES[Math.floor(status / 100) - 1] ?? "5xx";
}
