/** All that a pass of the scheduler looks at, read together: the fleet, what runs, who waits and whose turn it is. */
import { fetchReason, imageReason } from "../../../core/hosts/images/image-fetch.ts";
import type { Fleet } from "../../../core/placement/fleet/fleet.ts";
import type { QueuedOrder } from "../../../core/queue/fleet-room.ts";
import { fundsReason, priceReason, stopReason } from "../../../core/queue/waiting-reasons.ts";
import type { Reason } from "../../../core/reasons/reason.ts";
import type { Waiting } from "../../../core/queue/queue.ts";
import type { WaitingInputs } from "../../../core/queue/turn.ts";
import type { Connection, Database, Transaction } from "../../database/database.ts";
import { transaction } from "../../database/transaction.ts";
import { inSlices } from "../../database/in-slices.ts";
import { fleetSnapshot } from "../../fleet/fleet-snapshot.ts";
import { heldNow, type HadByAll, CachedHeldHours } from "./held-shares.ts";
import { type ReservedHead, reservedHead } from "./queue-head.ts";
import { endingWork, runningWork } from "./running-work.ts";
import { UsualOrders } from "./usual-orders.ts";
import { sharersOf, type WaitingOrder, waitingOrders } from "./waiting.ts";
import { waitingStarts } from "./waiting-rows.ts";
import { startKey } from "../../../core/workloads/start.ts";

/** One that waits, under a name that is its own among all kinds. */
export interface ScheduledOrder extends WaitingOrder, Waiting, QueuedOrder {
  heldBack: Reason | null;
}

/** What passes of one process keep between them, since it changes more slowly than they follow each other. */
export interface PassCache {
  readonly usual: UsualOrders;
  readonly heldHours: CachedHeldHours;
}

export function passCache(db: Database): PassCache {
  return { usual: new UsualOrders(db), heldHours: new CachedHeldHours(db) };
}

interface SceneOfPass extends WaitingInputs<ScheduledOrder> {
  /** Whose place was kept when it was read, be it there still or not. */
  reservedHead: ReservedHead | null;
}

interface PassQuery {
  now: Date;
  seed: number;
  /** Which of what runs is looked at: all of it only where somebody asks what could end. */
  work: "all" | "ending";
}

export async function passInputs(
  db: Database,
  { cache, ...request }: PassQuery & { cache: PassCache },
): Promise<SceneOfPass> {
  const [read, known] = await Promise.all([
    transaction(db, async (sql) => await readTogether(sql, request)),
    knownForPass(cache, request.now),
  ]);
  return await sceneOf(read, known, request);
}

type Known = Awaited<ReturnType<typeof knownForPass>>;

/** Asked before whoever looks from within a transaction has opened it, since it may take a connection of its own. */
export async function knownForPass(cache: PassCache, now: Date) {
  const [lately, typical] = await Promise.all([cache.heldHours.at(now), cache.usual.at(now)]);
  return { lately, typical };
}

/** As a pass would see it if the transaction were done. */
export async function passInputsWithin(
  sql: Transaction,
  { known, ...request }: PassQuery & { known: Known },
): Promise<SceneOfPass> {
  return await sceneOf(await readTogether(sql, request), known, request);
}

async function sceneOf(
  { waiting, running, fleet, held, head }: Awaited<ReturnType<typeof readTogether>>,
  { lately, typical }: Known,
  { now, seed }: PassQuery,
): Promise<SceneOfPass> {
  // Where nobody is kept apart from others, orders of all payers are alike.
  const isStoredApart = fleet.hosts.some(({ payers }) => payers !== undefined);
  return {
    fleet,
    running: running.map(({ payerId, ...work }) => ({
      ...work,
      ...(payerId !== null && { payer: payerId }),
      workload: startKey(work.start),
    })),
    orders: await inSlices(waiting, (order) => scheduledOrder(order, isStoredApart)),
    sharers: sharersOf(waiting, { held, lately, head }),
    reservedHead: head,
    options: { policy: "default", seed, now: now.getTime(), typical },
  };
}

const NOBODYS_FLEET: Fleet = { hosts: [] };
const HELD_BY_NOBODY: HadByAll = { payers: new Map(), workspaces: new Map() };

/** On one connection, where what is asked together is read in the order in which it was asked. */
async function readTogether(sql: Connection, { now, work }: PassQuery) {
  const starts = waitingStarts(sql);
  const isAll = work === "all";
  const read = isAll ? runningWork(sql) : endingWork(sql);
  const [waiting, running, head, [fleet, held]] = await Promise.all([
    waitingOrders(sql, { now, starts }),
    read,
    reservedHead(sql),
    // Last, so that nothing is thought free that one of the others has taken by now. Most passes find nobody who waits.
    Promise.all([starts, read]).then(async ([some]) =>
      isAll || some.length > 0
        ? await Promise.all([fleetSnapshot(sql, { now }), heldNow(sql)])
        : ([NOBODYS_FLEET, HELD_BY_NOBODY] as const),
    ),
  ]);
  return { waiting, running, fleet, held, head };
}

function scheduledOrder(order: WaitingOrder, isStoredApart: boolean): ScheduledOrder {
  return {
    ...order,
    ...order.stand,
    request: isStoredApart ? { ...order.request, payer: order.payerId } : order.request,
    heldBack: heldBackBy(order),
  };
}

/** Passed over like whatever waits for something else than room, it neither takes a place nor keeps one. */
function heldBackBy(order: WaitingOrder): Reason | null {
  const { awaits, heldBy, withoutTurn, imageRefusal, beyondMaximum, withoutFunds } = order;
  if (awaits !== null) return fetchReason(awaits.hostName, awaits.pull, heldBy.length > 0);
  if (heldBy.length > 0) return stopReason(heldBy);
  if (withoutTurn !== null) return withoutTurn;
  if (imageRefusal !== null) return imageReason(imageRefusal);
  if (beyondMaximum !== null) return priceReason(beyondMaximum);
  return withoutFunds === null ? null : fundsReason(withoutFunds);
}
