/** `GET /fleet/map` over the real store: what it shows of hosts and cards, and that its totals are those of its hosts. */
import * as fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { FleetMap } from "@remotegpu/control-plane/server/http/hosts/fleet-map";
import { postTransaction } from "@remotegpu/control-plane/server/store/billing/ledger/ledger";
import { transaction } from "@remotegpu/control-plane/server/store/database/transaction";
import { parsePoints } from "@remotegpu/shared/values/money";
import type { Caller } from "../../support/http/api.ts";
import { METACHARACTERS } from "../../support/http/hostile-values.ts";
import { type ControlScene, openControlScene } from "../../support/worlds/control-scene.ts";

const HIGH_POWER = 300;
const GB = 1e9;

let scene: ControlScene;
let alice: Caller;
/** Whose work is there without having been ordered. */
let holder: Caller;

beforeAll(async () => {
  scene = await openControlScene();
  alice = await scene.customer("alice");
  holder = await scene.customer("holder");
});
afterAll(async () => await scene.close());
beforeEach(async () => await emptyFleet());

const sql = async (text: string, values: unknown[] = []) => (await scene.api.db.query(text, values)).rows;
const request = async (query = "", as = scene.api.admin) =>
  await scene.api.request("GET", `/api/v1/fleet/map${query}`, { as });
const map = async (query = ""): Promise<FleetMap> => (await request(query)).body;

/** What was there is of no matter once its host is gone. */
async function emptyFleet(): Promise<void> {
  await sql("UPDATE hosts SET deleted_at = now()");
}

interface Card {
  cordoned: boolean;
  health: "healthy" | "unhealthy" | "degraded";
  vanished: boolean;
  holders: 0 | 1 | 2;
  model: "H100" | "A100";
  memoryGb: 16 | 80 | null;
}

interface Host {
  connection: "never" | "connected" | "suspect" | "unreachable";
  cordoned: boolean;
  revoked: boolean;
  rack: string | null;
  cards: Card[];
}

const anyHost: fc.Arbitrary<Host> = fc.record({
  connection: fc.constantFrom("connected", "connected", "connected", "suspect", "unreachable", "never"),
  cordoned: fc.constantFrom(false, false, true),
  revoked: fc.constantFrom(false, false, false, true),
  rack: fc.constantFrom(null, "r1", "R2"),
  cards: fc.array(
    fc.record({
      cordoned: fc.constantFrom(false, false, true),
      health: fc.constantFrom("healthy", "healthy", "degraded", "unhealthy"),
      vanished: fc.constantFrom(false, false, false, true),
      holders: fc.constantFrom(0, 0, 1, 2),
      model: fc.constantFrom("H100", "A100"),
      memoryGb: fc.constantFrom(16, 80, 80, null),
    }),
    { maxLength: 4 },
  ),
});

let made = 0;

async function addHost({ connection, cordoned, revoked, rack, cards }: Host): Promise<void> {
  const id = `h-${String((made += 1)).padStart(6, "0")}`;
  await sql(
    `INSERT INTO hosts (id, name, ip_address, connection, cordoned, revoked_at, labels)
     VALUES ($1, $1, '10.0.0.1', $2, $3, CASE WHEN $4 THEN now() END, $5)`,
    [id, connection, cordoned, revoked, rack === null ? null : { rack }],
  );
  for (const [index, card] of cards.entries()) await addCard(id, index, card);
}

async function addCard(host: string, index: number, card: Card): Promise<void> {
  const uuid = `GPU-${host}-${index}`;
  await sql(
    `INSERT INTO gpus (host_id, gpu_index, uuid, cordoned, health_status, vanished_at, sharing_mode, name, memory_total)
     VALUES ($1, $2, $3, $4, $5, CASE WHEN $6 THEN now() END, $7, $8, $9)`,
    [
      host,
      index,
      uuid,
      card.cordoned,
      card.health,
      card.vanished,
      ["shared", "exclusive", "shared"][card.holders],
      card.model,
      card.memoryGb === null ? null : card.memoryGb * GB,
    ],
  );
  for (let slot = 0; slot < card.holders; slot += 1)
    await holdCard({ host, uuid, slot, mode: card.holders === 1 ? "exclusive" : "shared" });
}

async function holdCard({
  host,
  uuid,
  slot,
  mode,
}: {
  host: string;
  uuid: string;
  slot: number;
  mode: "exclusive" | "shared";
}): Promise<void> {
  const id = `${uuid}-${slot}`;
  await sql(
    `INSERT INTO environments (id, customer_id, name, image, status, cpu, memory, gpu)
     VALUES ($1, $2, $1, 'busybox', 'running', 1, 1073741824, 1)`,
    [id, holder.customerId],
  );
  await sql(
    "INSERT INTO instances (id, workload_kind, workload_id, state) VALUES ($1, 'environment', $1, 'ready')",
    [id],
  );
  await sql(
    `INSERT INTO placements (instance_id, epoch, host_id, spec, spec_hash, cpu_milli, memory_bytes)
     VALUES ($1, 1, $2, '{}', 'x', 0, 0)`,
    [id, host],
  );
  await sql(
    `INSERT INTO gpu_allocations (gpu_uuid, mode, slot, memory_mib, instance_id, epoch) VALUES ($1, $2, $3, 1, $4, 1)`,
    [uuid, mode, slot, id],
  );
}

/** All pages, whose totals are the same. */
async function pages(limit: number, options: Record<string, string> = {}): Promise<FleetMap[]> {
  const query = new URLSearchParams({ limit: String(limit), ...options }).toString();
  const found = [await map(`?${query}`)];
  for (;;) {
    const cursor = found.at(-1)?.next_cursor;
    if (cursor == null) return found;
    found.push(await map(`?${query}&cursor=${cursor}`));
  }
}

const CARDS_ADD_UP = {
  gpus_total: () => true,
  gpus_free: ({ free }) => free,
  gpus_held: ({ holders }) => holders.length > 0,
  gpus_cordoned: ({ cordoned }) => cordoned,
} as const satisfies Record<string, (card: FleetMap["hosts"][number]["gpus"][number]) => boolean>;

function sumOf(hosts: FleetMap["hosts"]) {
  const cards = hosts.flatMap(({ gpus }) => gpus).filter(({ vanished_at: at }) => at === null);
  const connected = (as: string) => hosts.filter(({ connection }) => connection === as).length;
  return {
    hosts_up: connected("connected"),
    hosts_suspect: connected("suspect"),
    hosts_unreachable: connected("unreachable"),
    hosts_cordoned: hosts.filter(({ cordoned }) => cordoned).length,
    ...Object.fromEntries(
      Object.entries(CARDS_ADD_UP).map(([name, counts]) => [name, cards.filter(counts).length]),
    ),
  };
}

/** As the made hosts have it, whatever the map says. */
function freeOf(hosts: readonly Host[]): number {
  return hosts
    .filter(({ connection, cordoned, revoked }) => connection === "connected" && !cordoned && !revoked)
    .flatMap(({ cards }) => cards)
    .filter((card) => !card.cordoned && !card.vanished && card.health !== "unhealthy" && card.holders === 0)
    .length;
}

describe("totals", () => {
  test("are the sum of the hosts, in one answer and over pages, whatever the fleet", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyHost, { maxLength: 8 }),
        fc.integer({ min: 1, max: 4 }),
        async (hosts, limit) => {
          await emptyFleet();
          for (const host of hosts) await addHost(host);

          const whole = await map();
          const parts = await pages(limit);

          expect(whole.hosts).toHaveLength(hosts.length);
          expect(whole.totals).toMatchObject({ ...sumOf(whole.hosts), gpus_free: freeOf(hosts) });
          expect(parts.flatMap((part) => part.hosts)).toEqual(whole.hosts);
          for (const { totals } of parts) expect(totals).toMatchObject(sumOf(whole.hosts));
          const fleet = await scene.api.request("GET", "/api/v1/fleet", { as: scene.api.admin });
          expect(fleet.body.gpus_free).toBe(whole.totals.gpus_free);
        },
      ),
      { numRuns: 15 },
    );
  });

  test("list what waits, usage not yet ingested and what this hour earned; the last only with the scope money", async () => {
    scene.api.passMinutes(1);
    await sql(
      `INSERT INTO environments (id, customer_id, name, image, status, cpu, memory, gpu, queued_at)
       VALUES ('waits', $1, 'waits', 'busybox', 'queued', 1, 1073741824, 1, $2)`,
      [holder.customerId, new Date(scene.api.deps.now().getTime() - 90_000)],
    );
    await addHost({ connection: "unreachable", cordoned: false, revoked: false, rack: null, cards: [] });
    await sql(
      `INSERT INTO host_journals (host_id, journal_id, watermark, head_seq, first_seen_at)
       SELECT id, gen_random_uuid(), 3, 10, $1 FROM hosts WHERE deleted_at IS NULL`,
      [new Date(scene.api.deps.now().getTime() - 20_000)],
    );
    const poor = await scene.api.key(scene.api.admin, { scopes: ["read"] });

    const { totals } = await map();
    await sql("UPDATE environments SET status = 'stopped' WHERE id = 'waits'");
    await sql("UPDATE host_journals SET watermark = head_seq");
    scene.api.passMinutes(1);
    const { totals: calm } = await map();

    expect(totals).toMatchObject({ queued: 1, pending_usage_rows: 7, earned_this_hour: "0.0000" });
    expect(totals.oldest_wait_seconds).toBeGreaterThanOrEqual(90);
    expect(totals.pending_usage_age_seconds).toBeGreaterThanOrEqual(20);
    expect(calm).toMatchObject({ queued: 0, oldest_wait_seconds: null, pending_usage_age_seconds: null });
    expect((await request("", poor)).body.totals).toMatchObject({ gpus_total: 0, earned_this_hour: null });
  });
});

type MapHost = FleetMap["hosts"][number];

const GROUPS: Record<string, (host: MapHost) => string> = {
  model: ({ gpus }) => [...new Set(gpus.flatMap(({ name }) => name ?? []))].toSorted().join(", "),
  "label:rack": ({ labels }) => labels?.["rack"] ?? "",
  "label:none": () => "",
};

/** By their letters' numbers, so that pages follow each other the same in every database. */
function inOrder(one: string, other: string): number {
  return one === other ? 0 : one < other ? -1 : 1;
}

describe("what is searched for", () => {
  test("is found among the whole fleet, in its order, and counted so on each page", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyHost, { maxLength: 7 }),
        fc.record({
          limit: fc.integer({ min: 1, max: 4 }),
          group: fc.constantFrom(null, ...Object.keys(GROUPS)),
          freeGb: fc.constantFrom(null, 0, 40),
          search: fc.constantFrom(null, "RACK=r", "h-", "r1", "%"),
        }),
        async (hosts, { limit, group, freeGb, search }) => {
          await emptyFleet();
          for (const host of hosts) await addHost(host);
          const whole = await map();
          const isWanted = ({ free, memory_total: bytes }: MapHost["gpus"][number]) =>
            free && (bytes ?? 0) >= (freeGb ?? 0) * GB;
          const isLike = ({ id, labels }: MapHost) =>
            [id, ...Object.entries(labels ?? {}).map(([key, value]) => `${key}=${value}`)]
              .join(" ")
              .toLowerCase()
              .includes((search ?? "").toLowerCase());
          const groupOf = (host: MapHost) => (group === null ? null : (GROUPS[group]?.(host) ?? ""));
          const expected = whole.hosts
            .filter((host) => isLike(host) && (freeGb === null || host.gpus.some(isWanted)))
            .map((host) => ({ ...host, group: groupOf(host) }))
            .toSorted((a, b) => inOrder(a.group ?? "", b.group ?? "") || inOrder(a.id, b.id));

          const found = await pages(limit, {
            ...(group !== null && { group_by: group }),
            ...(freeGb !== null && { free_gpu_memory: String(freeGb * GB) }),
            ...(search !== null && { search }),
          });

          expect(found.flatMap((page) => page.hosts)).toEqual(expected);
          let before = 0;
          for (const [nth, page] of found.entries()) {
            expect(page).toMatchObject({ hosts_found: expected.length, hosts_before: before });
            expect(page.gpus_found).toBe(
              freeGb === null ? null : expected.flatMap(({ gpus }) => gpus).filter(isWanted).length,
            );
            expect(page.groups).toEqual(
              [...new Set(page.hosts.flatMap((host) => host.group ?? []))].map((name) => ({
                name,
                hosts: expected.filter((host) => host.group === name).length,
              })),
            );
            expect(page.previous_cursor).toBe(nth < 2 ? null : (found[nth - 2]?.next_cursor ?? null));
            expect(page.label_keys).toEqual(hosts.some(({ rack }) => rack !== null) ? ["rack"] : []);
            expect(page.totals).toMatchObject(sumOf(whole.hosts));
            before += page.hosts.length;
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  test("behind the last host is nothing, of so many", async () => {
    for (const rack of ["r1", "r2"])
      await addHost({ connection: "connected", cordoned: false, revoked: false, rack, cards: [] });
    const { next_cursor: cursor } = await map("?limit=1");
    await sql("UPDATE hosts SET deleted_at = now() WHERE labels ->> 'rack' = 'r2'");

    const page = await map(`?limit=1&group_by=label:rack&cursor=${cursor}`);

    expect(page).toMatchObject({ hosts: [], hosts_found: 1, hosts_before: 1, next_cursor: null });
    expect(page.totals).toMatchObject({ hosts_up: 1 });
  });
});

test("this hour has earned what was charged in it, less what was given back", async () => {
  const at = scene.api.deps.now();
  const post = async (sourceKind: "charge" | "credit", amount: string) =>
    await transaction(scene.api.deps.db, (tx) =>
      postTransaction(tx, {
        sourceKind,
        sourceId: `${sourceKind} ${amount}`,
        customerId: holder.customerId,
        amount: parsePoints(amount),
        contra: "revenue",
        at,
        reason: null,
        actor: "test",
      }),
    );
  await post("charge", "-2.5000");
  await post("credit", "0.5000");
  scene.api.passMinutes(0.1);

  expect((await map()).totals.earned_this_hour).toBe("2.0000");
});

describe("a card", () => {
  test("lists its readings and who holds it; what was not reported is null", async () => {
    const host = await scene.host("host-a", { gpus: 2 });
    host.gpus = host.gpus.map((gpu, at) =>
      at === 0 ? { ...gpu, utilizationPercent: 0, powerW: HIGH_POWER } : gpu,
    );
    await host.report([]);
    const order = await scene.order(alice, { gpu: 1, name: METACHARACTERS.at(-3)! });
    expect(order.status).toBe(201);
    await scene.schedule();

    const [visible] = (await map()).hosts;

    expect(visible).toMatchObject({ id: "host-a", connection: "connected" });
    expect(visible?.gpus).toMatchObject([
      { gpu_index: 0, utilization_percent: 0, power_w: String(HIGH_POWER), vanished_at: null },
      { gpu_index: 1 },
    ]);
    const holders = visible?.gpus.flatMap((card) => card.holders);
    expect(holders).toMatchObject([{ kind: "environment", name: METACHARACTERS.at(-3)! }]);
    expect(visible?.gpus.filter(({ free }) => free)).toHaveLength(1);
  });

  test("that vanished keeps its place, without a number", async () => {
    const host = await scene.host("host-b", { gpus: 3 });
    const uuids = host.gpus.map(({ uuid }) => uuid);
    host.gpus = host.gpus.filter((_, at) => at !== 1);

    await host.report([]);

    const [visible] = (await map()).hosts;
    expect(visible?.gpus.map(({ uuid }) => uuid)).toEqual(uuids);
    expect(visible?.gpus.map((card) => card.gpu_index)).toEqual([0, null, 2]);
    expect(visible?.gpus[1]).toMatchObject({ free: false, vanished_at: expect.any(String) });
  });

  test("whose readings stand still was sampled by each heartbeat, and by none that could not see it", async () => {
    const host = await scene.host("host-c", { gpus: 1 });
    const sampled = async () => (await map()).hosts[0]?.gpus[0]?.sampled_at;
    scene.api.passMinutes(0.5);
    await host.heartbeat({ gpus: host.gpus });
    await sql("UPDATE gpus SET last_seen_at = last_seen_at - interval '40 seconds'");

    const heard = (await map()).hosts[0]?.last_heartbeat_at;
    expect(await sampled()).toBe(heard);

    await sql("UPDATE hosts SET degraded = '{nvidia-smi-hung}' WHERE id = 'host-c'");
    expect(await sampled()).not.toBe(heard);
  });
});

describe("pages", () => {
  test.each(["limit=1e3", "group_by=label:", "free_gpu_memory=1e9"])("are refused with %s", async (query) =>
    expect(await request(`?${query}`)).toMatchObject({ status: 422 }),
  );

  test("of ten thousand hosts come a thousand at a time", async () => {
    await sql(
      `INSERT INTO hosts (id, name, ip_address, connection)
       SELECT 'many-' || lpad(n::text, 5, '0'), 'many', '10.0.0.1', 'connected' FROM generate_series(1, 10000) n`,
    );
    await sql(
      `INSERT INTO gpus (host_id, gpu_index, uuid)
       SELECT 'many-' || lpad(n::text, 5, '0'), 0, 'GPU-many-' || n FROM generate_series(1, 10000) n`,
    );
    // As Postgres does by itself a minute later, so that no plan of an empty fleet is left.
    await sql("ANALYZE hosts, gpus");

    const found = await pages(1_000);

    expect(found.map(({ hosts }) => hosts.length)).toEqual(Array(10).fill(1_000));
    expect(new Set(found.flatMap(({ hosts }) => hosts.map(({ id }) => id))).size).toBe(10_000);
    for (const { totals } of found)
      expect(totals).toMatchObject({ hosts_up: 10_000, gpus_total: 10_000, gpus_free: 10_000 });
    expect(found.map(({ hosts_before: before, hosts_found: of }) => [before, of])).toEqual(
      found.map((_, nth) => [nth * 1_000, 10_000]),
    );
  });
});
