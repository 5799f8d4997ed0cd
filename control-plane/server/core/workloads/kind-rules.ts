/** What the kinds of workload differ in, as far as it is decided without asking anybody. Each row of kinds.ts has all of it. */
import type { Reason } from "../reasons/reason.ts";
import type { RankCode } from "../instances/desired-set.ts";
import type { Feature } from "@remotegpu/shared/instance/features";
import type { DeadlineVerdict, InstanceReport, Transition } from "../instances/instance-report.ts";
import type { DistributedConfig } from "../training/rank-environment.ts";
import type { Order, OrderConfig } from "../orders/order.ts";
import type { Quota } from "../orders/quota-levels.ts";

export interface KindRules<Status extends string> {
  /** The first rank of the start that this rank is placed with. */
  firstRank(rank: number): number;
  /** Whether one workload may have several starts at once, each of which counts beside the others. */
  hasManyStarts: boolean;
  /**
   * Whether what waits counts for the quotas already, so that an order beyond them is refused. Else only one that is
   * beyond them by itself is, and the others wait until there is room.
   */
  countsWhileWaiting: boolean;
  /** Whether webhooks receive a message when the host of one is drained. */
  hasDrainMessages: boolean;
  /** What the agent of a host must be able to do for any start of it, whatever was ordered. */
  needs: readonly Feature[];
  /** What more it must be able to do for one start, by what was ordered of it. */
  startNeeds(start: {
    config: OrderConfig | null;
    attempt: number;
    ranks: number;
    code: RankCode["kind"] | null;
    distributed: DistributedConfig | null;
  }): readonly Feature[];
  /** Whether what a run of it uses before it serves may be free by its payer's allowance (core/billing/free-loading.ts). */
  mayLoadFree: boolean;
  /** What one start takes of the quotas. */
  share(order: Order): Quota;
  /** What the reports of all instances make of it, in the order of their ranks. */
  afterReports(status: Status, reports: readonly InstanceReport[]): Transition<Status>;
  /** How long a status may last before `afterDeadline` is asked; null where it may last for ever. */
  limitMs(status: Status): number | null;
  /** What becomes of a status whose deadline has passed. A missing answer never frees a GPU that may be in use. */
  afterDeadline(status: Status, hostName: string): DeadlineVerdict<Status> | null;
  /** What it becomes where nothing of it ran and it is to be placed anew, and the sentence for that. */
  waiting: Status;
  waitsAgain: Reason;
  /**
   * The status of one that waits and of which a start can never begin as it is; null where what else it has goes on.
   */
  hopeless(status: Status): Status | null;
  /** What it becomes while hosts carry out an order to stop all of it; null where nothing runs or it stops already. */
  stopping(status: Status): Status | null;
}
