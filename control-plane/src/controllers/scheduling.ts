/**
 * One pass of the scheduler: what waits, in the order of the queue, against a snapshot of the fleet; what fits is
 * committed in batches, and whatever waits on gets the sentence that says why. The decision is
 * core/placement/placement.ts, the commit looks at everything again.
 */
import type { HostId } from "@remotegpu/shared/ids";
import type { Fleet } from "../core/placement/fleet.ts";
import { FleetState } from "../core/placement/fleet-state.ts";
import { place, type PlacementDecision, waitingSentence } from "../core/placement/placement.ts";
import { inQueueOrder } from "../core/queue/queue.ts";
import { type Database, transaction } from "../store/database.ts";
import { explainWaiting, lockEnvironment, moveEnvironment } from "../store/environments/environments.ts";
import { assertTerm } from "../store/leader.ts";
import { fleetSnapshot } from "../store/placement/fleet-snapshot.ts";
import {
  type CommitOutcome,
  commitPlacements,
  type NewId,
  type PlacementProposal,
} from "../store/placement/placements.ts";
import { standingOf, type WaitingOrder, waitingOrders } from "../store/placement/waiting.ts";

export interface SchedulingDeps {
  db: Database;
  newId: NewId;
  nudge: (host: HostId) => void;
}

export interface SchedulingReport {
  placed: string[];
  waiting: string[];
  /** Somebody was faster somewhere: another pass should follow at once. */
  again: boolean;
}

/** Longer queues are served from their head; the rest is looked at as it moves up. */
const MAX_WAITING = 512;
/** Of one transaction: it holds rows that heartbeats, reports and orders wait for, so it must stay short. */
const MAX_BATCH = 256;
/** What a refused commit leaves free is offered to the others within the same pass, this often. */
const MAX_ROUNDS = 3;

interface Pass {
  term: number;
  now: Date;
}

/**
 * @throws LeadershipLostError when another replica leads by now; UnsoundFleetError when the snapshot contradicts
 *   itself; StoreError when the database failed
 */
export async function schedulePass(deps: SchedulingDeps, pass: Pass): Promise<SchedulingReport> {
  const report: SchedulingReport = { placed: [], waiting: [], again: false };
  let line = await waitingLine(deps.db, pass.now);
  for (let round = 1; round <= MAX_ROUNDS && line.length > 0; round += 1) {
    const left = await scheduleRound(deps, pass, line, report);
    if (!left.somethingCameFree) return report;
    line = left.unplaced;
  }
  return report;
}

async function waitingLine(db: Database, now: Date): Promise<WaitingOrder[]> {
  const waiting = await waitingOrders(db, { now });
  const line = inQueueOrder(
    waiting.map((order) => ({ ...order, ...order.stand })),
    await standingOf(db, waiting, now),
  );
  return line.filter(({ workload }) => workload.kind === "environment").slice(0, MAX_WAITING);
}

async function scheduleRound(
  deps: SchedulingDeps,
  pass: Pass,
  line: WaitingOrder[],
  report: SchedulingReport,
): Promise<{ unplaced: WaitingOrder[]; somethingCameFree: boolean }> {
  const fleet = await fleetSnapshot(deps.db, { now: pass.now });
  const now = pass.now.getTime();
  const requests = line.map(({ request }) => request);
  const { decisions, fleet: left } = place(fleet, requests, { policy: "best-fit", seed: pass.term, now });
  const proposals: PlacementProposal[] = [];
  const unplaced: WaitingOrder[] = [];
  for (const [index, order] of line.entries()) {
    const decision = decisions[index];
    if (decision?.placed === true)
      proposals.push({ workload: order.workload, instances: decision.instances });
    else unplaced.push(order);
  }
  const sentences = waitingSentences(left, { unplaced, decisions, now });
  const outcomes = await commitAll(deps, pass, proposals);
  for (const { id, outcome } of outcomes) {
    if (outcome.committed) {
      report.placed.push(id);
      for (const hostId of outcome.hostIds) deps.nudge(hostId as HostId);
      continue;
    }
    report.again ||= outcome.reason === "taken";
    if (isHopeless(outcome)) await failOrder(deps.db, pass, id, outcome.detail);
    else if (outcome.reason !== "not-queued") sentences.set(id, refusalSentence(outcome));
  }
  await explain(deps.db, pass, sentences);
  report.waiting = unplaced.map(({ workload }) => workload.id);
  const somethingCameFree = outcomes.some(({ outcome }) => !outcome.committed);
  return { unplaced, somethingCameFree: somethingCameFree && unplaced.length > 0 };
}

function waitingSentences(
  left: Fleet,
  { unplaced, decisions, now }: { unplaced: WaitingOrder[]; decisions: PlacementDecision[]; now: number },
): Map<string, string> {
  if (unplaced.length === 0) return new Map();
  const state = new FleetState(left);
  const fitting = new Map(decisions.map((one) => [one.requestId, one.placed ? 0 : one.fitting]));
  return new Map(
    unplaced.map(({ workload: { id }, request }) => [
      id,
      waitingSentence(state, request, { now, fitting: fitting.get(request.id) ?? 0 }),
    ]),
  );
}

async function commitAll(
  { db, newId }: SchedulingDeps,
  { term, now }: Pass,
  proposals: readonly PlacementProposal[],
): Promise<{ id: string; outcome: CommitOutcome }[]> {
  const committed: { id: string; outcome: CommitOutcome }[] = [];
  for (let first = 0; first < proposals.length; first += MAX_BATCH) {
    const batch = proposals.slice(first, first + MAX_BATCH);
    const outcomes = await commitPlacements(db, batch, { term, now, newId });
    for (const [index, outcome] of outcomes.entries())
      committed.push({ id: batch[index]?.workload.id ?? "", outcome });
  }
  return committed;
}

type Refused = Extract<CommitOutcome, { committed: false }>;
type Hopeless = Extract<Refused, { reason: "mount-not-found" | "mount-not-ready" }>;

/** The right to a mount was taken away, or what it names is gone: waiting would not help. */
function isHopeless(outcome: Refused): outcome is Hopeless {
  return outcome.reason === "mount-not-found" || outcome.reason === "mount-not-ready";
}

function refusalSentence(outcome: Exclude<Refused, Hopeless | { reason: "not-queued" }>): string {
  switch (outcome.reason) {
    case "taken":
      return `Waiting for a place: ${outcome.detail}.`;
    case "still-held":
      return outcome.detail;
    case "price":
    case "quota":
    case "funds":
      return `Waiting for ${outcome.reason}: ${outcome.detail}.`;
  }
}

async function failOrder(
  db: Database,
  { term, now }: Pass,
  environmentId: string,
  reason: string,
): Promise<void> {
  await transaction(db, async (sql) => {
    await assertTerm(sql, term);
    const environment = await lockEnvironment(sql, environmentId);
    if (environment?.status !== "queued") return;
    await moveEnvironment(sql, { environment, to: "error", reason, actor: "control-plane", now });
  });
}

async function explain(db: Database, { term }: Pass, sentences: ReadonlyMap<string, string>): Promise<void> {
  if (sentences.size === 0) return;
  await transaction(db, async (sql) => {
    await assertTerm(sql, term);
    await explainWaiting(sql, sentences);
  });
}
