/**
 * The things the loop can be told to do, and the order in which it does them. An action names its run in full, so
 * each can be recorded, carried out and logged alone.
 */
import type { Worded } from "@remotegpu/shared/reasons/host-reports/statement";
import type { AttachedGpu, DesiredInstance, InstanceProblem } from "@remotegpu/shared/instance/instance";
import type { Refusal } from "../container/device-access.ts";
import type { RunKey } from "../container/container.ts";
import type { OutputFolders } from "./run-remains.ts";
import type { ContainerEnd } from "./run-restarts.ts";

export type StopActor = NonNullable<DesiredInstance["orderedBy"]>;

/**
 * Why a container is stopped. `gpu-missing`, `gpu-failed`, `storage-exceeded` and `disk-filled` end the run as failed, the
 * others as stopped. `orphaned`: nobody has asked for it for a long time (orphans.ts).
 */
export type StopCause =
  | "ordered"
  | "superseded"
  | "no-contact"
  | "already-ended"
  | "orphaned"
  | "gpu-missing"
  | "gpu-failed"
  | "storage-exceeded"
  /** The host's disk was nearly full, and it wrote most. */
  | "disk-filled";

export type RunEnd = Worded & {
  phase: "stopped" | "failed";
  problem: InstanceProblem | null;
  exitCode: number | null;
  /** Null when it ended by itself. */
  orderedBy: StopActor | null;
};

/** Whether it served, by its probe, in the life of its container that began by this label of the runtime. */
export type Served = { startedAt: string; serving: "yes" | "no" };

/** Why a container is ended that is then started again. `problem`: what its run fails of at last; its probe unless it is said. */
export type Unwell = Worded & { hasServed: boolean; problem?: "gpu-failed" | undefined };

/** What its container was given, by its labels: known for as long as anything of the container lives. */
export type Given = { network: string; gpus: AttachedGpu[] };

export type Action =
  /** A container of a wanted run that the journal does not know: write the run down, touch nothing. */
  | (RunKey & { kind: "adopt"; containerId: string; specHash: string } & Given)
  /** The container runs: metering opens. `pid` is the host's, for the proof by start ticks. */
  | (RunKey & { kind: "open-gate"; containerId: string; pid: number } & Given)
  /** Whether it serves is another than its record has: written down for the next life of the agent. */
  | (RunKey & { kind: "note-serving"; served: Served })
  /** Whether the run is kept from its cards is another thing than its record has; null: nothing is to be said of it. */
  | (RunKey & { kind: "note-refusal"; refusal: Refusal | null })
  /** The run's container is another one than its record knows: what it holds is written down. */
  | (RunKey & { kind: "note-holding"; containerId: string } & Given)
  | (RunKey &
      Worded & {
        kind: "stop";
        containerId: string;
        orderedBy: StopActor;
        cause: StopCause;
        graceSeconds: number;
        /** An order says the grace, which then also holds for a stop that is under way; else it is this agent's own. */
        isGraceOrdered: boolean;
      })
  /** It does not serve, or no more, or is kept from its cards: its container ends, and is started again within the run. */
  | (RunKey & {
      kind: "end-unwell";
      containerId: string;
      unwell: Unwell;
      graceSeconds: number;
    })
  /** The run is over: its end is written down and its last usage row is final. */
  | (RunKey & { kind: "close-run"; specHash: string; end: RunEnd })
  /** The run is over and its container is still there: what it left is read and written down. */
  | (RunKey & {
      kind: "keep-remains";
      containerId: string;
      exitCode: number;
      outOfMemory: boolean;
      /** Absent where it has none, or is not known any more. */
      output?: OutputFolders;
    })
  /** The container, its volumes, and its network if it was the last one there. Its output is kept before. */
  | (RunKey & { kind: "remove"; containerId: string })
  /** Nothing of the run is left and nobody asks for it: it leaves the observed set. */
  | (RunKey & { kind: "forget" })
  /** Create a container and start it; `attempt` counts from 1. `ended`: the one before, if one has run. */
  | (RunKey & { kind: "start"; desired: DesiredInstance; attempt: number; ended?: ContainerEnd })
  /** Start the run's existing container again, with what was written in it. */
  | (RunKey & {
      kind: "restart";
      desired: DesiredInstance;
      containerId: string;
      attempt: number;
      ended?: ContainerEnd;
    })
  /** An order that must not be followed; only logged and reported. */
  | (RunKey & Worded & { kind: "refuse"; knownEpoch: number })
  /** The first snapshot after a rise of term would stop most of the host: nothing is stopped until confirmed. */
  | { kind: "hold-stops"; stops: number; running: number };

/** Stops come before starts, since they free the GPUs; gates first, since a stop can take its whole grace. */
const ORDER: readonly Action["kind"][] = [
  "hold-stops",
  "refuse",
  "adopt",
  "open-gate",
  "note-serving",
  "note-holding",
  "note-refusal",
  "stop",
  "end-unwell",
  "close-run",
  "keep-remains",
  "remove",
  "forget",
  "restart",
  "start",
];

export function inOrder(actions: readonly Action[]): Action[] {
  return actions.toSorted((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind));
}
