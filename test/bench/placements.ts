/**
 * Placements a second: orders over HTTP alone, commits alone, and both with the scheduling loop between them, with 1,
 * 16 and 256 at a time; beside bare inserts of as many rows of the same size, in transactions as large.
 */
import { startLoop } from "@remotegpu/control-plane/server/controllers/loop";
import { schedulePass } from "@remotegpu/control-plane/server/controllers/scheduling/scheduling";
import { acquireLeadership, LEADER_LEASE_MS } from "@remotegpu/control-plane/server/store/database/leader";
import { commitPlacements } from "@remotegpu/control-plane/server/store/placement/commit/placements";
import type { PlacementProposal } from "@remotegpu/control-plane/server/store/placement/commit/proposals";
import { passCache } from "@remotegpu/control-plane/server/store/placement/inputs/pass-inputs";
import { transaction } from "@remotegpu/control-plane/server/store/database/transaction";
import { MS_PER_SECOND, THOUSANDTHS } from "@remotegpu/shared/values/units";
import { quietLog } from "../support/quiet-log.ts";
import { cardName, hostName, openOrderWorld, type OrderWorld } from "./order-world.ts";

const FLEET = { hosts: 128, cardsPerHost: 8, customers: 32 };
/** How many at a time, and how many in all. */
const ROUNDS = [
  { together: 1, orders: 64 },
  { together: 16, orders: 512 },
  { together: 256, orders: 1_024 },
];
/** Each round is measured once its code is compiled and its plans are kept, as in a server that has run for a while. */
const WARM_UPS = 2;
const POLL_MS = 1_000;

export async function measurePlacements(
  print: (line: string) => void,
  ending: AsyncDisposableStack,
): Promise<void> {
  const world = await openOrderWorld(FLEET, ending);
  print(
    `Placements: ${FLEET.hosts * FLEET.cardsPerHost} cards, ${FLEET.customers} customers, a card for each order`,
  );
  for (const round of ROUNDS) {
    for (let warmUp = 0; warmUp < WARM_UPS; warmUp += 1) await measureRound(world, round);
    const { bare, order, commit, whole } = await measureRound(world, round);
    print(`  ${round.together} at a time, ${round.orders} in all`.padEnd(34) + HEAD);
    print(line("bare inserts of a row as large", bare));
    print(line("orders over HTTP", order));
    print(line("commits", commit));
    print(line("the whole way", whole));
    const parts = [order, commit].map((part) => percent(cpuOf(part) / cpuOf(whole)));
    print(
      `    of its CPU: ${parts[0]} the order, ${parts[1]} the commit; ${times(bare, whole)} as long as a bare insert`,
    );
  }
}

async function measureRound(world: OrderWorld, round: Round) {
  const { orders, together } = round;
  await world.empty();
  const bare = await measured(world, orders, async () => await bareInserts(world, round));
  let ids: string[] = [];
  const order = await measured(world, orders, async () => {
    const ordered = await world.order({ ...round, untilPlaced: false });
    ({ ids } = ordered);
    return ordered.cpuMs;
  });
  const commit = await measured(world, orders, async () => await commitAll(world, ids, together));
  await world.empty();
  const whole = await measured(world, orders, async () => await wholeRoute(world, round));
  return { bare, order, commit, whole };
}

interface Round {
  together: number;
  orders: number;
}

interface Measured {
  perSecond: number;
  /** Milliseconds of each one, of this process and of Postgres: what others do on the machine changes them little. */
  ownCpu: number;
  postgresCpu: number;
  /** Of those who order, on the same machine. */
  clientCpu: number;
}

const HEAD = ["a second", "CPU: own", "Postgres", "customers"].map((word) => word.padStart(12)).join("");

function line(what: string, { perSecond, ...cpu }: Measured): string {
  const times = [cpu.ownCpu, cpu.postgresCpu, cpu.clientCpu].map((ms) => `${ms.toFixed(2)} ms`);
  const cells = [perSecond.toFixed(0), ...times];
  return `    ${what}`.padEnd(34) + cells.map((cell) => cell.padStart(12)).join("");
}

const percent = (part: number) => `${(100 * part).toFixed(0)} %`;
const cpuOf = ({ ownCpu, postgresCpu }: Measured) => ownCpu + postgresCpu;
const times = (bare: Measured, whole: Measured) => `${(bare.perSecond / whole.perSecond).toFixed(1)} times`;

/** @param work answers the CPU time of whoever orders, where somebody does */
async function measured(
  world: OrderWorld,
  count: number,
  work: () => Promise<number | void>,
): Promise<Measured> {
  const own = process.cpuUsage();
  const postgresMs = await world.postgresCpuMs();
  const startedMs = performance.now();
  const clientMs = (await work()) ?? 0;
  const tookMs = performance.now() - startedMs;
  const { user, system } = process.cpuUsage(own);
  return {
    perSecond: (count * MS_PER_SECOND) / tookMs,
    ownCpu: (user + system) / 1_000 / count,
    postgresCpu: ((await world.postgresCpuMs()) - postgresMs) / count,
    clientCpu: clientMs / count,
  };
}

async function bareInserts({ owner: db }: OrderWorld, { together, orders }: Round): Promise<void> {
  await db.query("CREATE TABLE IF NOT EXISTS bare_placements (instance_id text, epoch int, spec jsonb)");
  const spec = JSON.stringify({ text: "x".repeat(800) });
  for (let first = 0; first < orders; first += together)
    await transaction(db, async (sql) => {
      await sql.query(
        "INSERT INTO bare_placements SELECT 'instance-' || n, 1, $2::jsonb FROM generate_series(1, $1::int) n",
        [together, spec],
      );
    });
}

async function commitAll({ db, newId }: OrderWorld, ids: readonly string[], together: number): Promise<void> {
  const proposals = ids.map((id, nth): PlacementProposal => {
    const host = Math.floor(nth / FLEET.cardsPerHost);
    const uuid = cardName(host, nth % FLEET.cardsPerHost);
    return {
      start: { kind: "environment", id, firstRank: 0 },
      instances: [
        { hostId: hostName(host), gpus: [{ uuid, memoryMib: null, shareThousandths: THOUSANDTHS }] },
      ],
    };
  });
  for (let first = 0; first < proposals.length; first += together) {
    const batch = proposals.slice(first, first + together);
    const terms = { term: await leaderTerm(db), now: new Date(), newId };
    const refused = (await commitPlacements(db, batch, terms)).find(({ committed }) => !committed);
    if (refused !== undefined) throw new Error(`not committed: ${JSON.stringify(refused)}`);
  }
}

/** Each customer orders, waits until its environment is placed, and orders the next. */
async function wholeRoute(world: OrderWorld, round: Round): Promise<number> {
  const { db, newId } = world;
  const deps = { db, newId, nudge: () => undefined, cache: passCache(db) };
  const loop = startLoop({
    name: "scheduling",
    everyMs: POLL_MS,
    log: quietLog,
    async pass() {
      const pass = { term: await leaderTerm(db), now: new Date() };
      const report = await schedulePass(deps, pass);
      if (report.placed.length > 0) world.reportPlaced(report.placed);
      if (report.again) loop.wake();
    },
  });
  world.onWake(() => loop.wake());
  try {
    return (await world.order({ ...round, untilPlaced: true })).cpuMs;
  } finally {
    await loop.stop();
    world.onWake(() => undefined);
  }
}

let held: { term: number; untilMs: number } | null = null;

/** Renewed as a leader does, long before the lease is over. */
async function leaderTerm(db: OrderWorld["db"]): Promise<number> {
  if (held !== null && Date.now() < held.untilMs) return held.term;
  const now = new Date();
  const term = await acquireLeadership(db, { holder: "the bench", now });
  if (term === null) throw new Error("somebody else leads");
  held = { term, untilMs: now.getTime() + LEADER_LEASE_MS / 3 };
  return term;
}
