/** What the scheduler proposes to write down, and what may come of it. */
import type { PlacedInstance } from "../../../core/placement/placement.ts";
import type { Reason } from "../../../core/reasons/reason.ts";
import type { Turn } from "../../../core/queue/oldest.ts";
import type { NewId } from "../../../core/workloads/new-id.ts";
import type { StartName } from "../../../core/workloads/start.ts";

/** One start with its places, in the order of its ranks: all of them or none. */
export interface PlacementProposal {
  start: StartName;
  instances: readonly PlacedInstance[];
  /** Absent: both. */
  turn?: Turn | undefined;
}

export interface CommitTerms {
  term: number;
  now: Date;
  newId: NewId;
}

interface CommittedInstance {
  instanceId: string;
  epoch: number;
  runId: string;
  hostId: string;
}

export type CommitOutcome =
  | {
      committed: true;
      instances: CommittedInstance[];
      /** Whose desired sets changed: the placements' own, and of hosts that are to give ports of it back. */
      hostIds: string[];
    }
  /** Stopped, deleted or placed meanwhile: nothing to do. */
  | { committed: false; reason: "not-queued"; detail: Reason }
  /** Somebody else was faster: look again. */
  | { committed: false; reason: "taken"; detail: Reason }
  /** It waits on, for this reason. */
  | { committed: false; reason: "still-held" | "image" | "price" | "quota" | "funds"; detail: Reason }
  /** It waits on, and this host fetches its image meanwhile. */
  | { committed: false; reason: "image-first"; detail: Reason; hostId: string }
  /** It cannot start as it is: the order mounts what it may not. */
  | { committed: false; reason: "mount-not-found" | "mount-not-ready"; detail: Reason };
