/**
 * Whether a container may still use its cards, by the kernel's device rules: what somebody on the host takes away from
 * there (systemd, which knows nothing of rules that a runtime added behind its back) no reading of the card shows. From
 * the answers of one probe after another to what is known of a run; whether its time counts is decided in
 * core/metering/run-access.ts, what is done in core/reconcile. Pure.
 */
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import { worded, type Worded } from "@remotegpu/shared/reasons/host-reports/statement";
import type { BootId, GpuUuid } from "@remotegpu/shared/values/ids";
import { MS_PER_MINUTE, MS_PER_SECOND } from "@remotegpu/shared/values/units";
import type { CardNode } from "./card-nodes.ts";

const PROBE_EVERY_MS = MS_PER_MINUTE;
/** What was refused is asked again sooner: the program in there may stand still. */
const CONFIRM_AFTER_MS = 10 * MS_PER_SECOND;
/**
 * So is what has just begun: time is settled up to the last probe that passed, and the first usage rows of a run are not to
 * wait for a minute.
 */
const FIRST_PROBES_EVERY_MS = 10 * MS_PER_SECOND;
const FIRST_PROBES_FOR_MS = MS_PER_MINUTE;
/** In a row. */
const REFUSALS_NEEDED = 2;

/** The kernel's error numbers; 0 for none. */
const EPERM = 1;
const ENOENT = 2;

/** The errors of one node: of reading and writing it on the host, and of resolving it inside. */
export type NodeErrors = { access: number; lookup: number };

export type AccessAnswer =
  | { kind: "passed"; missing: readonly string[] }
  | { kind: "refused"; nodes: readonly CardNode[]; missing: readonly string[] }
  /** The driver is being loaded anew, the child was too late, the container has just ended: nothing is known. */
  | { kind: "unknown" };

/** What is known of one life of a container. Times are of this boot's monotonic clock, in milliseconds. */
export type DeviceAccess = {
  /** Since when it is asked. */
  sinceMs: number;
  requestedMs: number | null;
  /** When it was last seen to have all its cards; null where it was not in this life of the agent. */
  passedMs: number | null;
  /** In a row; what is unknown between two of them changes nothing. */
  refusals: number;
  /** By the last refusal. */
  refusedNodes: readonly CardNode[];
  /** Nodes that it was given and that are not there inside any more. */
  missing: readonly string[];
};

/** That a run's container is kept from its cards, as its record has it. */
export type Refusal = Worded & {
  /** The boot that the times here belong to. */
  bootId: BootId;
  /** When it was last seen to have them; null where that is not known. */
  passedMs: number | null;
  /** By a second probe. */
  isConfirmed: boolean;
  /** When that was asked; absent before, and in records of earlier agents. */
  confirmedMs?: number | undefined;
  /** When it was seen to have them again; null while it has not been. */
  againMs: number | null;
  gpus: GpuUuid[];
};

export function newAccess(nowMs: number): DeviceAccess {
  return { sinceMs: nowMs, requestedMs: null, passedMs: null, refusals: 0, refusedNodes: [], missing: [] };
}

/** @param errors in the order of the nodes; null where the probe came to nothing */
export function accessAnswer(nodes: readonly CardNode[], errors: readonly NodeErrors[] | null): AccessAnswer {
  if (errors === null || errors.length !== nodes.length) return { kind: "unknown" };
  const requested = nodes.flatMap((node, at) => {
    const { access = null, lookup = null } = errors[at] ?? {};
    return node.mayBeAbsent === true && lookup === ENOENT ? [] : [{ node, access, lookup }];
  });
  if (requested.length === 0) return { kind: "unknown" };
  const missing = requested.filter(({ lookup }) => lookup === ENOENT).map(({ node }) => node.inside);
  // Any other error says nothing of the device rules: of one of them the kernel says that it is not permitted.
  const refused = requested.filter(({ access }) => access === EPERM).map(({ node }) => node);
  if (refused.length > 0) return { kind: "refused", nodes: refused, missing };
  return requested.every(({ access }) => access === 0) ? { kind: "passed", missing } : { kind: "unknown" };
}

/** @param atMs before the question was asked */
export function afterAnswer(access: DeviceAccess, answer: AccessAnswer, atMs: number): DeviceAccess {
  const requested = { ...access, requestedMs: atMs };
  switch (answer.kind) {
    case "passed":
      return { ...requested, passedMs: atMs, refusals: 0, refusedNodes: [], missing: answer.missing };
    case "refused": {
      const { nodes: refusedNodes, missing } = answer;
      return { ...requested, refusals: access.refusals + 1, refusedNodes, missing };
    }
    case "unknown":
      return requested;
  }
}

export function isProbeDue(access: DeviceAccess, nowMs: number): boolean {
  return access.requestedMs === null || nowMs - access.requestedMs >= backoffMs(access, nowMs);
}

function backoffMs({ sinceMs, refusals }: DeviceAccess, nowMs: number): number {
  if (refusals === 1) return CONFIRM_AFTER_MS;
  return nowMs - sinceMs < FIRST_PROBES_FOR_MS ? FIRST_PROBES_EVERY_MS : PROBE_EVERY_MS;
}

export function isRefused({ refusals }: Pick<DeviceAccess, "refusals">): boolean {
  return refusals >= REFUSALS_NEEDED;
}

/** The cards that the last refusal speaks of, each once. */
export function refusedGpus({ refusedNodes }: Pick<DeviceAccess, "refusedNodes">): GpuUuid[] {
  return [...new Set(refusedNodes.flatMap(({ gpus }) => gpus))];
}

/**
 * What a run's record is to say after the answers so far; the very same object where nothing changes. A refusal that is
 * not confirmed goes with the next answer that passes: it was none. A confirmed one stays, with the moment from which the
 * run's time counts again.
 */
export function refusalAfter(
  before: Refusal | undefined,
  access: DeviceAccess,
  bootId: BootId,
): Refusal | undefined {
  if (access.refusals > 0) return openRefusal(before, access, bootId);
  if (before === undefined || before.againMs !== null || access.passedMs === null) return before;
  return before.isConfirmed ? { ...before, bootId, againMs: access.passedMs } : undefined;
}

function openRefusal(before: Refusal | undefined, access: DeviceAccess, bootId: BootId): Refusal {
  const isConfirmed = isRefused(access);
  if (before !== undefined && before.againMs === null)
    return isConfirmed && !before.isConfirmed ? { ...before, ...confirmation(access) } : before;
  const gpus = refusedGpus(access);
  const { passedMs } = access;
  return { bootId, passedMs, ...confirmation(access), againMs: null, gpus, ...worded(accessLost(gpus)) };
}

function confirmation(access: DeviceAccess): Pick<Refusal, "isConfirmed" | "confirmedMs"> {
  if (!isRefused(access)) return { isConfirmed: false };
  return { isConfirmed: true, ...(access.requestedMs !== null && { confirmedMs: access.requestedMs }) };
}

/** Whether the run goes without its cards by now. */
export function isDeniedCards(refusal: Refusal | undefined): refusal is Refusal {
  return refusal?.isConfirmed === true && refusal.againMs === null;
}

function accessLost(gpus: readonly GpuUuid[]): HostReason {
  return { code: "gpu-access-lost", params: { gpu_uuids: gpus.join(", ") } };
}
