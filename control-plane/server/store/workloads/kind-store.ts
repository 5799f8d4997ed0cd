/** What the kinds of workload differ in, as far as the database is asked. Each row of kinds.ts has all of it. */
import type { Reason } from "../../core/reasons/reason.ts";
import type { PlaceableStart, PlacedStart } from "../../core/workloads/placeable-start.ts";
import type { StartName } from "../../core/workloads/start.ts";
import type { Explanation, LockedWorkload, WorkloadMove } from "../../core/workloads/workload-move.ts";
import type { Connection, Transaction } from "../database/database.ts";

export interface KindStore<Status extends string> {
  table: string;
  /** Its rows as its people see them, with `id`, of the table as a whole. */
  select: string;
  /** SQL of a row: what not all tables have, or call alike. */
  columns: {
    /** Needed beside the usual ones to say how many instances wait. */
    waiting: readonly string[];
    /** Where it is; null for kinds of which each instance has a host of its own. */
    hostId: string;
    /** Of which array it is; null for kinds that have none. Of the row `w`. */
    groupId: string;
    storage: string;
    tempStorage: string;
    /** Instances that start together. */
    startInstances: string;
  };
  /** Whether ports of it are leased of its host. */
  hasLeases: boolean;
  /** SQL for the starts that wait for a place, with `id`, `first_rank` and `instances` of each. */
  waitingStarts: string;
  /** SQL: what goes after JOIN where the order `o` of such a start `s` is read. */
  orderOfStart: string;
  /**
   * SQL of a waiting start's order `o`: its attempt, code, distributed, storage_pool
   * and priority.
   */
  startColumns: string;
  /** SQL of such a start `s` of the order `o`: the code of the reason for which it waits. */
  waitingCode: string;
  /** SQL of the workload `o`: how many seconds it may run, null for kinds without such a limit. */
  limitSeconds: string | null;
  /** What a workload takes of the quotas, as SQL of its row `t`. */
  uses: {
    /** Columns of the row that are asked beside cpu, memory, gpu and status. */
    columns: readonly string[];
    /** Whether it is there at all, and whether its CPU, memory and GPUs count now. */
    exists: string;
    isActive: string;
    /** As much as counts of a size, which is SQL of what one instance is made of, by that row's name. */
    total: (size: (row: string) => string) => string;
    /** What it takes of the number of environments. */
    environments: 0 | 1;
  };
  /** Of what waits and costs nothing yet: SQL of the row `t`, so many instances with a price. */
  waitingInstances: string;
  /** SQL of the row `t`: how many of its starts wait for a place, be it their turn or not. */
  waitingStartsOfRow: string;
  /** Those that still wait, held to the end of the transaction, in the order of their ids. */
  lockWaiting(sql: Transaction, starts: readonly StartName[]): Promise<PlaceableStart[]>;
  /** Null for one that does not exist or is deleted; held to the end of the transaction. */
  lock(sql: Transaction, id: string): Promise<LockedWorkload<Status> | null>;
  notePlaced(sql: Transaction, placed: readonly PlacedStart[]): Promise<void>;
  /** Writes the status with its reason and deadline, and an event. Each workload at most once. */
  move(sql: Transaction, moves: readonly WorkloadMove<Status>[]): Promise<void>;
  /**
   * What becomes of one whose host is declared lost; null for kinds whose status follows from the states of their
   * instances.
   */
  loseHost:
    | ((sql: Transaction, id: string, loss: { hostId: string; actor: string; now: Date }) => Promise<void>)
    | null;
  /** No event, since it may change every few seconds. */
  explain(sql: Connection, reported: Explanation<Status>): Promise<void>;
  /** New reasons of those that still wait, of several starts of one workload the first in the line first, in the order of their ids, so that two who write many never wait in a circle. */
  explainWaiting(
    sql: Transaction,
    reported: readonly { id: string; firstRank: number; reason: Reason }[],
  ): Promise<void>;
  /** Of one that waits, and no place would help it; where that ends a workload as a whole, it is moved instead. */
  giveUpWaiting(sql: Transaction, start: { id: string; firstRank: number; reason: Reason }): Promise<void>;
}
