/**
 * What the journal knows of one run, and how each action changes it. The record is written before the action is
 * carried out (intent first), so a crash between the two shows in the next observation and is repaired there.
 */
import { statementOf, worded, type Worded } from "@remotegpu/shared/reasons/host-reports/statement";
import type { BootId } from "@remotegpu/shared/values/ids";
import type { InstanceProblem } from "@remotegpu/shared/instance/instance";
import type { Refusal } from "../container/device-access.ts";
import type { Action, Given, RunEnd, Served, StopCause, StopActor, Unwell } from "./action.ts";
import type { RunKey } from "../container/container.ts";
import type { RunRemains } from "./run-remains.ts";
import { restartsAfter, type RunRestarts } from "./run-restarts.ts";

/** A moment on the host's CLOCK_MONOTONIC; it means nothing in another boot. */
export type MonotonicTime = { bootId: BootId; ms: number };

export type RunRecord = RunKey & {
  specHash: string;
  containerId: string | null;
  /** Starts begun in a row without a stable stretch, this one included; written before the start. */
  starts: number;
  /** Null for an adopted container, whose start we did not see. */
  lastStart: MonotonicTime | null;
  /** When metering opened; null until then. */
  gate: MonotonicTime | null;
  /** Why the last start did not succeed. */
  trouble: (Worded & { problem: InstanceProblem }) | null;
  /** A stop that was begun; the run does not come back from it. */
  stop: (Worded & { cause: StopCause; orderedBy: StopActor }) | null;
  /** How the run ended; null while it lives. Never changes once set. */
  end: RunEnd | null;
  /** What its container left; absent until it was read, and where there was none. Never changes once set. */
  remains?: RunRemains | undefined;
  /** Absent while its container was never started again. */
  restarts?: RunRestarts | undefined;
  /** As its probe had it last; absent while it never served. */
  served?: Served | undefined;
  /** Why its container is ended; absent again once it is started. */
  unwell?: Unwell | undefined;
  /** Absent while its container, in this life of it, has its cards as far as is known. */
  refusal?: Refusal | undefined;
  /** What its container holds while any process of it lives, be it removed; absent in records of earlier agents. */
  holding?: Holding | undefined;
};

/** `group` is the folder of the container's control group; null where none was found. */
export type Holding = Given & { containerId: string; group: string | null };

/**
 * The record as it must stand in the journal before `action` is carried out; null when nothing is kept.
 * @param record null when the journal does not know the run
 */
export function recordAfter(record: RunRecord | null, action: Action, at: MonotonicTime): RunRecord | null {
  switch (action.kind) {
    case "adopt":
      return (
        record ?? {
          ...newRecord(action, action.specHash),
          containerId: action.containerId,
          starts: 1,
          holding: holdingOf(null, action),
        }
      );
    case "start":
      return {
        ...begunAgain(record, action),
        containerId: null,
        lastStart: at,
      };
    case "restart":
      return {
        ...begunAgain(record, action),
        containerId: action.containerId,
        lastStart: at,
      };
    case "open-gate":
      return record && { ...record, gate: record.gate ?? at, holding: holdingOf(record, action) };
    case "stop":
      return (
        record && {
          ...record,
          stop: record.stop ?? {
            cause: action.cause,
            orderedBy: action.orderedBy,
            ...worded(statementOf(action)),
          },
        }
      );
    case "note-serving":
      return record && { ...record, served: action.served };
    case "end-unwell":
      return record && { ...record, unwell: record.unwell ?? action.unwell };
    case "note-refusal":
      return record && { ...record, refusal: action.refusal ?? undefined };
    case "note-holding":
      return record && { ...record, holding: holdingOf(record, action) };
    case "close-run": {
      const known = record ?? newRecord(action, action.specHash);
      return { ...known, end: known.end ?? action.end };
    }
    case "forget":
      return null;
    case "keep-remains":
    case "remove":
    case "refuse":
    case "hold-stops":
      return record;
  }
}

function begunAgain(
  record: RunRecord | null,
  action: Extract<Action, { kind: "start" | "restart" }>,
): RunRecord {
  const { desired, attempt, ended } = action;
  const { unwell: _over, refusal: _past, ...known } = record ?? newRecord(action, desired.specHash);
  return {
    ...known,
    starts: attempt,
    trouble: null,
    ...(ended && { restarts: restartsAfter(record?.restarts ?? null, ended) }),
  };
}

/** Before a start: the container that was made for it, and what that holds from its first moment on. */
export function recordStarted(record: RunRecord, made: Given & { containerId: string }): RunRecord {
  const { containerId } = made;
  return { ...record, containerId, trouble: null, holding: holdingOf(record, made) };
}

export function recordTrouble(record: RunRecord, trouble: NonNullable<RunRecord["trouble"]>): RunRecord {
  return { ...record, trouble };
}

export function recordRemains(record: RunRecord, remains: RunRemains): RunRecord {
  return { ...record, remains: record.remains ?? remains };
}

function holdingOf(
  record: RunRecord | null,
  { containerId, network, gpus }: Given & { containerId: string },
): Holding {
  const isSame = record?.holding?.containerId === containerId;
  return { containerId, network, gpus, group: isSame ? (record.holding?.group ?? null) : null };
}

/** With the folder of its container's control group, where that is known. */
export function recordGroup(record: RunRecord, group: string | null): RunRecord {
  const { holding } = record;
  return holding === undefined || group === null ? record : { ...record, holding: { ...holding, group } };
}

function newRecord(key: RunKey, specHash: string): RunRecord {
  return {
    instanceId: key.instanceId,
    placementEpoch: key.placementEpoch,
    runId: key.runId,
    specHash,
    containerId: null,
    starts: 0,
    lastStart: null,
    gate: null,
    trouble: null,
    stop: null,
    end: null,
  };
}
