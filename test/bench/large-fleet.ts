/**
 * What a fleet of ten times as many hosts costs one control plane: what administrators read of it, and the passes that
 * look at all of it. Hosts are rows; their heartbeats and usage are measured by `heartbeats` and `ingest`.
 */
import { schedulePass } from "@remotegpu/control-plane/server/controllers/scheduling/scheduling";
import { livenessPass } from "@remotegpu/control-plane/server/controllers/hosts/host-liveness";
import { acquireLeadership } from "@remotegpu/control-plane/server/store/database/leader";
import { passCache } from "@remotegpu/control-plane/server/store/placement/inputs/pass-inputs";
import { MIB } from "@remotegpu/shared/values/units";
import { spreadOf } from "./comparison.ts";
import { openOrderWorld, type OrderWorld } from "./order-world.ts";

const SIZES = [5_000, 50_000];
const CARDS_PER_HOST = 8;
const CUSTOMERS = 32;
const READS = 3;
/** Waiting in the queue at once. */
const QUEUED = 1_000;
const PATHS = ["/fleet", "/fleet/map?limit=1000", "/hosts?limit=100", "/queue?limit=100"];

interface Measured {
  ms: number;
  ownCpuMs: number;
  postgresCpuMs: number;
  bytes: number | null;
}
type Figures = Map<string, Measured>;

export async function measureLargeFleet(
  print: (line: string) => void,
  ending: AsyncDisposableStack,
): Promise<void> {
  const [small, large] = [await measureSize(SIZES[0] ?? 0, ending), await measureSize(SIZES[1] ?? 0, ending)];
  print(`${SIZES.join(" and ")} hosts with ${CARDS_PER_HOST} cards each, medians of ${READS}`);
  for (const [what, before] of small) {
    const after = large.get(what);
    if (after !== undefined) print(line(what, before, after));
  }
}

function line(what: string, small: Measured, large: Measured): string {
  const cpu = (of: Measured) => of.ownCpuMs + of.postgresCpuMs;
  return [
    `  ${what}`.padEnd(34),
    ...[small, large].map((of) => figures(of).padStart(42)),
    `${(cpu(large) / cpu(small)).toFixed(1)} times`.padStart(12),
  ].join("");
}

function figures({ ms, ownCpuMs, postgresCpuMs, bytes }: Measured): string {
  const size = bytes === null ? "" : `, ${(bytes / MIB).toFixed(2)} MiB`;
  return `${ms.toFixed(0)} ms (CPU ${ownCpuMs.toFixed(0)} + ${postgresCpuMs.toFixed(0)})${size}`;
}

async function measureSize(hosts: number, ending: AsyncDisposableStack): Promise<Figures> {
  const size = ending.use(new AsyncDisposableStack());
  const world = await openOrderWorld({ hosts, cardsPerHost: CARDS_PER_HOST, customers: CUSTOMERS }, size);
  await world.owner.query("ANALYZE");
  const figures: Figures = new Map();
  for (const path of PATHS)
    figures.set(`GET ${path}`, await often(world, async () => await world.read(path)));
  figures.set("look for hosts that are silent", await often(world, async () => await silentHosts(world)));
  for (const [what, of] of await scheduling(world)) figures.set(what, of);
  await size.disposeAsync();
  return figures;
}

async function silentHosts({ db }: OrderWorld): Promise<void> {
  const now = new Date();
  await livenessPass({ db }, { term: await lead(db), now, listeningSince: now });
}

/** One pass of a server that has just begun to lead, and those that follow. */
async function scheduling(world: OrderWorld): Promise<Figures> {
  const { db, newId } = world;
  const deps = { db, newId, nudge: () => undefined, cache: passCache(db) };
  const pass = async () => void (await schedulePass(deps, { term: await lead(db), now: new Date() }));
  const figures: Figures = new Map();
  await world.order({ together: CUSTOMERS, orders: 1, untilPlaced: false });
  figures.set("first pass, an order", await measured(world, pass));
  for (const orders of [1, QUEUED]) {
    const passes: Measured[] = [];
    for (let nth = 0; nth < READS; nth += 1) {
      await world.order({ together: CUSTOMERS, orders, untilPlaced: false });
      passes.push(await measured(world, pass));
    }
    figures.set(`a pass, ${orders} orders`, medians(passes));
  }
  return figures;
}

async function lead(db: OrderWorld["db"]): Promise<number> {
  const term = await acquireLeadership(db, { holder: "the bench", now: new Date() });
  if (term === null) throw new Error("somebody else leads");
  return term;
}

async function often(world: OrderWorld, work: () => Promise<string | void>): Promise<Measured> {
  const each: Measured[] = [];
  for (let nth = 0; nth < READS; nth += 1) each.push(await measured(world, work));
  return medians(each);
}

async function measured(world: OrderWorld, work: () => Promise<string | void>): Promise<Measured> {
  const own = process.cpuUsage();
  const postgresMs = await world.postgresCpuMs();
  const begunMs = performance.now();
  const answer = await work();
  const ms = performance.now() - begunMs;
  const { user, system } = process.cpuUsage(own);
  return {
    ms,
    ownCpuMs: (user + system) / 1_000,
    postgresCpuMs: (await world.postgresCpuMs()) - postgresMs,
    bytes: typeof answer === "string" ? Buffer.byteLength(answer) : null,
  };
}

function medians(each: readonly Measured[]): Measured {
  const of = (pick: (one: Measured) => number) => spreadOf(each.map(pick)).median;
  return {
    ms: of(({ ms }) => ms),
    ownCpuMs: of(({ ownCpuMs }) => ownCpuMs),
    postgresCpuMs: of(({ postgresCpuMs }) => postgresCpuMs),
    bytes: each[0]?.bytes ?? null,
  };
}
