/**
 * One pass of the scheduler: what waits, in the order of the queue, against a snapshot of the fleet; what fits is
 * committed in batches, and whatever waits on gets the sentence that says why. The decision is core/queue/pass-plan.ts,
 * the commit looks at everything again.
 */
import type { HostId } from "@remotegpu/shared/values/ids";
import { type CountedPlacement, placementResultOf } from "../../core/metrics/label-values.ts";
import type { Turn } from "../../core/queue/oldest.ts";
import { planPass } from "../../core/queue/pass-plan.ts";
import type { Database } from "../../store/database/database.ts";
import { transaction } from "../../store/database/transaction.ts";
import { assertTerm } from "../../store/database/leader.ts";
import { type PassCache, passInputs, type ScheduledOrder } from "../../store/placement/inputs/pass-inputs.ts";
import { isSameHead, keepHead, type ReservedHead } from "../../store/placement/inputs/queue-head.ts";
import { commitPlacements } from "../../store/placement/commit/placements.ts";
import type { CommitOutcome, PlacementProposal } from "../../store/placement/commit/proposals.ts";
import { rulesOf } from "../../core/workloads/kinds.ts";
import type { Reason } from "../../core/reasons/reason.ts";
import type { StartName } from "../../core/workloads/start.ts";
import { KINDS_IN_LOCK_ORDER, storeOf } from "../../store/workloads/kinds.ts";
import type { NewId } from "../../core/workloads/new-id.ts";

export interface SchedulingDeps {
  db: Database;
  newId: NewId;
  nudge: (host: HostId) => void;
  cache: PassCache;
}

export interface SchedulingReport {
  placed: string[];
  waiting: string[];
  /** What came of each placement that was tried, for metrics. */
  tried: CountedPlacement[];
  /** Somebody was faster somewhere: another pass should follow at once. */
  again: boolean;
}

/**
 * The placements of one transaction: it holds rows that heartbeats, reports and orders wait for, so it must stay short.
 */
const MAX_BATCH = 256;
/** What a refused commit leaves free is offered to the others within the same pass, this often. */
const MAX_ROUNDS = 3;
/** Reasons written in a pass, of the first in line; whoever is further back learns more as it moves up. */
const MAX_REASONS = 5_000;

interface Pass {
  term: number;
  now: Date;
}

/**
 * @throws LeadershipLostError when another replica leads by now; UnsoundFleetError when the snapshot contradicts
 *   itself; StoreError when the database failed
 */
export async function schedulePass(deps: SchedulingDeps, pass: Pass): Promise<SchedulingReport> {
  const report: SchedulingReport = { placed: [], waiting: [], tried: [], again: false };
  const refused = new Set<string>();
  for (let round = 1; round <= MAX_ROUNDS; round += 1) {
    const refusedBefore = refused.size;
    const { mayGoOn } = await scheduleRound(deps, pass, { report, refused });
    if (!mayGoOn || refused.size === refusedBefore || report.waiting.length === 0) break;
  }
  return report;
}

/**
 * @param refused orders that may not start in this pass; those whose commit is refused join them
 * @returns whether the others may be offered what refused commits leave: not where that was kept for one of them, which
 *   somebody was faster than
 */
async function scheduleRound(
  deps: SchedulingDeps,
  pass: Pass,
  { report, refused }: { report: SchedulingReport; refused: Set<string> },
): Promise<{ mayGoOn: boolean }> {
  const { now, term: seed } = pass;
  const scene = await passInputs(deps.db, { now, seed, cache: deps.cache, work: "ending" });
  const orders = scene.orders.filter(({ id }) => !refused.has(id));
  const plan = planPass({ ...scene, orders });
  const reasons = new Map(
    plan.waiting.slice(0, MAX_REASONS).map(({ order, reason }) => [order.id, { start: order.start, reason }]),
  );
  let headTaken: ReservedHead | null = null;
  report.waiting = plan.waiting.map(({ order }) => order.start.id);
  for (const { order, outcome } of await commitAll(deps, pass, plan.placed)) {
    const { start } = order;
    report.tried.push(countedPlacement(order, outcome, now));
    if (outcome.committed) {
      report.placed.push(start.id);
      for (const hostId of outcome.hostIds) deps.nudge(hostId as HostId);
      continue;
    }
    refused.add(order.id);
    report.again ||= outcome.reason === "taken";
    // It was promised a place, and has not had it: it stays the first.
    if (outcome.reason === "taken" && order.id === scene.sharers.head) headTaken = headOf(order);
    if (outcome.reason === "image-first") deps.nudge(outcome.hostId as HostId);
    if (isHopeless(outcome)) await failStart(deps.db, pass, start, outcome.detail);
    else if (outcome.reason !== "not-queued")
      reasons.set(order.id, { start, reason: refusalReason(outcome) });
  }
  await explain(deps.db, pass, [...reasons.values()]);
  const head = headTaken ?? (plan.head === null ? null : headOf(plan.head.job));
  if (!isSameHead(head, scene.reservedHead)) await noteHead(deps.db, pass, head);
  return { mayGoOn: headTaken === null };
}

function countedPlacement(
  { start: { kind }, orderedAtMs }: ScheduledOrder,
  outcome: CommitOutcome,
  now: Date,
): CountedPlacement {
  return outcome.committed
    ? { kind, result: placementResultOf("committed"), waitedMs: now.getTime() - orderedAtMs }
    : { kind, result: placementResultOf(outcome.reason), waitedMs: null };
}

function headOf({ start, orderedAtMs }: ScheduledOrder): ReservedHead {
  return { start, orderedAtMs };
}

async function noteHead(db: Database, { term }: Pass, head: ReservedHead | null): Promise<void> {
  await transaction(db, async (sql) => {
    await assertTerm(sql, term);
    await keepHead(sql, head);
  });
}

interface Planned {
  order: ScheduledOrder;
  instances: PlacementProposal["instances"];
  turn: Turn;
}

async function commitAll(
  { db, newId }: SchedulingDeps,
  { term, now }: Pass,
  planned: readonly Planned[],
): Promise<{ order: ScheduledOrder; outcome: CommitOutcome }[]> {
  const committed: { order: ScheduledOrder; outcome: CommitOutcome }[] = [];
  for (let first = 0; first < planned.length; first += MAX_BATCH) {
    const batch = planned.slice(first, first + MAX_BATCH);
    const proposals = batch.map(({ order: { start }, instances, turn }) => ({ start, instances, turn }));
    const outcomes = await commitPlacements(db, proposals, { term, now, newId });
    for (const [index, { order }] of batch.entries()) {
      const outcome = outcomes[index];
      if (outcome !== undefined) committed.push({ order, outcome });
    }
  }
  return committed;
}

type Refused = Extract<CommitOutcome, { committed: false }>;
type Hopeless = Extract<Refused, { reason: "mount-not-found" | "mount-not-ready" }>;

/** The right to a mount was taken away, or what it names is gone: waiting would not help. */
function isHopeless(outcome: Refused): outcome is Hopeless {
  return outcome.reason === "mount-not-found" || outcome.reason === "mount-not-ready";
}

function refusalReason(outcome: Exclude<Refused, Hopeless | { reason: "not-queued" }>): Reason {
  const params = { why: outcome.detail };
  switch (outcome.reason) {
    case "taken":
      return { code: "place-taken-meanwhile", params };
    case "still-held":
    case "image-first":
      return outcome.detail;
    case "image":
    case "price":
    case "quota":
    case "funds":
      return { code: `waiting-for-${outcome.reason}`, params };
  }
}

/** Its workload ends with the reason, if it still waits; or says so, where it has others that go on. */
async function failStart(db: Database, { term, now }: Pass, start: StartName, reason: Reason): Promise<void> {
  const { kind, id } = start;
  await transaction(db, async (sql) => {
    await assertTerm(sql, term);
    const [waiting] = await storeOf(kind).lockWaiting(sql, [start]);
    const workload = waiting === undefined ? null : await storeOf(kind).lock(sql, id);
    if (workload === null) return;
    const to = rulesOf(kind).hopeless(workload.status);
    if (to === null)
      return await storeOf(kind).giveUpWaiting(sql, { id, firstRank: start.firstRank, reason });
    await storeOf(kind).move(sql, [{ workload, to, reason, actor: "control-plane", now }]);
  });
}

async function explain(
  db: Database,
  { term }: Pass,
  reasons: readonly { start: StartName; reason: Reason }[],
): Promise<void> {
  if (reasons.length === 0) return;
  await transaction(db, async (sql) => {
    await assertTerm(sql, term);
    for (const kind of KINDS_IN_LOCK_ORDER) {
      const reported = reasons
        .filter(({ start }) => start.kind === kind)
        .map(({ start: { id, firstRank }, reason }) => ({ id, firstRank, reason }));
      if (reported.length > 0) await storeOf(kind).explainWaiting(sql, reported);
    }
  });
}
