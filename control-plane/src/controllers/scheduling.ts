/**
 * One pass of the scheduler: what waits, in the order of the queue, against a snapshot of the fleet; what fits is
 * committed, and whatever waits on gets the sentence that says why. The decision is core/placement/placement.ts, the commit
 * looks at everything again.
 */
import type { HostId } from "@remotegpu/shared/ids";
import type { PlacementRequest } from "../core/placement/fits-on.ts";
import { FleetState } from "../core/placement/fleet-state.ts";
import { place, type PlacementDecision, waitingSentence } from "../core/placement/placement.ts";
import { inQueueOrder } from "../core/queue/queue.ts";
import { type Database, transaction } from "../store/database.ts";
import { explainEnvironment, lockEnvironment, moveEnvironment } from "../store/environments/environments.ts";
import { fleetSnapshot } from "../store/placement/fleet-snapshot.ts";
import { assertTerm } from "../store/leader.ts";
import { type CommitOutcome, commitPlacement, type NewId } from "../store/placement/placements.ts";
import { standingOf, waitingOrders } from "../store/placement/waiting.ts";

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
const MAX_WAITING = 500;
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
  let requests = await waitingRequests(deps.db, pass.now);
  for (let round = 1; round <= MAX_ROUNDS && requests.length > 0; round += 1) {
    const left = await scheduleRound(deps, pass, requests, report);
    if (!left.somethingCameFree) return report;
    requests = left.unplaced;
  }
  return report;
}

async function waitingRequests(db: Database, now: Date): Promise<PlacementRequest[]> {
  const waiting = await waitingOrders(db, { now });
  const line = inQueueOrder(
    waiting.map((order) => ({ ...order, ...order.stand })),
    await standingOf(db, waiting, now),
  );
  return line
    .filter(({ workload }) => workload.kind === "environment")
    .slice(0, MAX_WAITING)
    .map(({ request }) => request);
}

async function scheduleRound(
  deps: SchedulingDeps,
  pass: Pass,
  requests: PlacementRequest[],
  report: SchedulingReport,
): Promise<{ unplaced: PlacementRequest[]; somethingCameFree: boolean }> {
  const fleet = await fleetSnapshot(deps.db, { now: pass.now });
  const { decisions, fleet: left } = place(fleet, requests, {
    policy: "best-fit",
    seed: pass.term,
    now: pass.now.getTime(),
  });
  const state = new FleetState(left);
  const unplaced: PlacementRequest[] = [];
  const sentences = new Map<string, string>();
  let somethingCameFree = false;
  for (const [index, decision] of decisions.entries()) {
    const request = requests[index];
    if (request === undefined) continue;
    if (!decision.placed) {
      unplaced.push(request);
      const { fitting } = decision;
      sentences.set(request.id, waitingSentence(state, request, { now: pass.now.getTime(), fitting }));
      continue;
    }
    const outcome = await commitOne(deps, pass, decision);
    if (outcome.committed) {
      report.placed.push(request.id);
      for (const hostId of outcome.hostIds) deps.nudge(hostId as HostId);
      continue;
    }
    somethingCameFree = true;
    report.again ||= outcome.reason === "taken";
    if (isHopeless(outcome)) await failOrder(deps.db, pass, request.id, outcome.detail);
    else if (outcome.reason !== "not-queued") sentences.set(request.id, refusalSentence(outcome));
  }
  await explainWaiting(deps.db, pass, sentences);
  report.waiting = unplaced.map(({ id }) => id);
  return { unplaced, somethingCameFree: somethingCameFree && unplaced.length > 0 };
}

async function commitOne(
  deps: SchedulingDeps,
  { term, now }: Pass,
  decision: Extract<PlacementDecision, { placed: true }>,
): Promise<CommitOutcome> {
  return await commitPlacement(deps.db, {
    environmentId: decision.requestId,
    hostId: decision.instances[0]?.hostId ?? "",
    term,
    now,
    newId: deps.newId,
  });
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

/** In the order of the ids, so that two who write many of them never wait for each other. */
async function explainWaiting(
  db: Database,
  { term }: Pass,
  sentences: ReadonlyMap<string, string>,
): Promise<void> {
  if (sentences.size === 0) return;
  await transaction(db, async (sql) => {
    await assertTerm(sql, term);
    for (const [id, reason] of [...sentences].toSorted(([one], [other]) => (one < other ? -1 : 1)))
      await explainEnvironment(sql, { id, status: "queued", reason });
  });
}
