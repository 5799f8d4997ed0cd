/** What the product stands on is away: for a while, together with all that it kept, or from the start. */
import { globSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { journalledMs } from "../support/agent/journalled-time.ts";
import { cuttableTcp, type CuttableTcp } from "../support/engines/cuttable-tcp.ts";
import { BUSYBOX_IMAGE } from "../support/samples/desired-instance.ts";
import { keepMoment } from "../support/engines/database-moment.ts";
import { eventually } from "../support/eventually.ts";
import { House } from "../support/worlds/house.ts";
import { freshDatabase, type FreshDatabase } from "../support/engines/postgres.ts";

const ORDER = { image: BUSYBOX_IMAGE, cpu: 1, memory: 128 * 2 ** 20, gpu: 1 };
const ARRIVES_WITHIN_MS = 30_000;

const Run = z.looseObject({ id: z.string(), proven_ms: z.number(), closed_at: z.string().nullable() });
const View = z.looseObject({ instances: z.tuple([z.looseObject({ runs: z.tuple([Run]) })]) });

let database: FreshDatabase;
let route: CuttableTcp;
let house: House;

/** Ended from the last to the first, each although another fails. */
const ending = new AsyncDisposableStack();
beforeAll(async () => {
  database = ending.adopt(await freshDatabase(), (one) => one.drop());
  const url = new URL(database.url);
  route = ending.adopt(await cuttableTcp({ host: url.hostname, port: Number(url.port) }), (one) =>
    one.close(),
  );
  url.port = String(route.port);
  house = ending.adopt(await House.open({ hosts: 1, settings: { DATABASE_URL: url.href } }), (one) =>
    one.close(),
  );
});
afterAll(() => ending.disposeAsync());

async function request(path: string) {
  const response = await fetch(house.url + path, {
    headers: { authorization: `Bearer ${house.customerKey}` },
  });
  return {
    status: response.status,
    contentType: response.headers.get("content-type"),
    body: await response.text(),
  };
}

function streamBytes(natsFolder: string): number {
  const files = globSync(join(natsFolder, "jetstream/**/RG_JOURNAL/msgs/*.blk"));
  return files.reduce((sum, file) => sum + statSync(file).size, 0);
}

test("without its database the API reports it in problem documents; NATS loses all it stored meanwhile; every second arrives once", async () => {
  const host = house.hosts[0];
  if (host === undefined) throw new Error("no host");
  const environmentId = String((await house.customer.post("/environments", { ...ORDER, name: "steady" })).id);
  await house.environment(environmentId, "running");
  const before = await house.containersOf(host.id);
  const natsFolder = join(house.folder, "control-plane", "nats");

  route.cut();
  const down = await eventually(
    async () => {
      const answer = await request(`/api/v1/environments/${environmentId}`);
      return answer.status !== 200 && answer;
    },
    { what: "the outage showing" },
  );
  const ready = await request("/readyz");
  // A run with cards sends its first row after the sample that proves its time.
  await eventually(() => streamBytes(natsFolder) > 0, {
    withinMs: 60_000,
    what: "rows in the stream that nobody takes out",
  });
  process.kill(Number(readFileSync(join(natsFolder, "nats.pid"), "utf8")), "SIGKILL");
  for (const stored of ["jetstream", "accounts"])
    rmSync(join(natsFolder, stored), { recursive: true, force: true });
  route.mend();
  await house.isOnline(host.id);

  expect(down).toMatchObject({
    status: 503,
    contentType: expect.stringContaining("application/problem+json"),
  });
  expect(JSON.parse(down.body)).toMatchObject({ status: 503, title: expect.any(String) });
  expect(ready.status).toBe(503);
  expect(await house.containersOf(host.id)).toEqual(before);

  await house.customer.post(`/environments/${environmentId}/stop`);
  const run = await eventually(
    async () => {
      const visible = await house.customer.get(`/environments/${environmentId}`);
      const [ended] = View.parse(visible).instances[0].runs;
      return ended.closed_at !== null && ended;
    },
    { withinMs: ARRIVES_WITHIN_MS, what: "the run's last row" },
  );
  expect(run.proven_ms).toBeGreaterThan(0);
  expect(run.proven_ms).toBe(journalledMs(host.folder, run.id));
});

test("after that the books agree: balance, ledger and records", async () => {
  const { rows } = await database.database.query<Record<"balance" | "ledger" | "left", string>>(
    `SELECT balance::text,
            (SELECT sum(amount) FROM ledger_entries WHERE customer_id = c.id AND account = 'customer')::text AS ledger,
            (100 - (SELECT sum(amount) FROM billing_records WHERE customer_id = c.id))::text AS left
       FROM customers c WHERE id = $1`,
    [house.customerId],
  );

  expect(Number(rows[0]?.balance)).toBeLessThan(100);
  expect(rows[0]).toEqual({ balance: rows[0]?.balance, ledger: rows[0]?.balance, left: rows[0]?.balance });
});

test("its database is restored to an earlier moment: no container is touched, a restart that was lost is paid, an order that was lost is reported", async () => {
  const host = house.hosts[0];
  if (host === undefined) throw new Error("no host");
  const id = String((await house.customer.post("/environments", { ...ORDER, gpu: 0, name: "kept" })).id);
  await house.environment(id, "running");
  const moment = await keepMoment(database.database);
  await house.customer.post(`/environments/${id}/restart`);
  await house.environment(id, "running");
  const lost = await house.customer.post("/environments", { ...ORDER, gpu: 0, name: "lost" });
  await house.environment(String(lost.id), "running");
  const before = await house.containersOf(host.id);
  expect(before).toHaveLength(2);
  // Some of its time is told before the restore is known of.
  await eventually(() => before.every(({ run }) => journalledMs(host.folder, run) > 0), {
    withinMs: 60_000,
    what: "a row of each",
  });

  await house.controlPlane.kill();
  await moment.goBack();
  house.controlPlane.start();
  await house.serves();
  await eventually(
    async () =>
      (
        await database.database.query("SELECT FROM events WHERE kind = 'run-adopted' AND workload_id = $1", [
          id,
        ])
      ).rowCount === 1,
    { withinMs: 60_000, what: "the restart that only its host knew" },
  );
  await house.isOnline(host.id);

  expect(await house.containersOf(host.id)).toEqual(before);
  const alarms = await house.admin.rows("/alarms");
  expect(
    alarms.filter(({ kind, cleared_at: cleared }) => kind === "unknown-instance" && cleared === null),
  ).toHaveLength(1);
  await house.customer.post(`/environments/${id}/stop`);
  await house.environment(id, "stopped");
  const [adopted] = await eventually(
    async () => {
      const { rows } = await database.database.query<{ id: string; proven_ms: number }>(
        "SELECT id, proven_ms FROM runs WHERE resource_id = $1 AND closed_at IS NOT NULL ORDER BY ordered_at DESC",
        [id],
      );
      return rows.length === 2 && rows;
    },
    { withinMs: 90_000, what: "the last rows of both runs" },
  );
  expect(before.map(({ run }) => run)).toContain(adopted?.id);
  // Rows of before it was known are decided once its host was heard.
  const { rows: proven } = await eventually(
    async () => {
      const found = await database.database.query(
        "SELECT proven_ms FROM runs WHERE id = $1 AND proven_ms = $2",
        [adopted?.id, journalledMs(host.folder, adopted?.id ?? "")],
      );
      return found.rowCount === 1 && found;
    },
    { withinMs: 60_000, what: "every millisecond of the restarted run" },
  );
  expect(proven).toEqual([{ proven_ms: journalledMs(host.folder, adopted?.id ?? "") }]);
  expect((await house.controlPlane.command("doctor")).stdout).not.toContain("BROKEN");
}, 180_000);

test("an agent without its container runtime stays up, reports it, and gets no orders", async () => {
  const [whole] = house.hosts;
  await house.admin.post(`/hosts/${whole?.id ?? ""}/cordon`);
  const host = await house.addHost({ REMOTEGPU_RUNTIME_SOCKET: join(house.folder, "no-such.sock") });

  const visible = await house.admin.get(`/hosts/${host.id}`);
  const { id } = await house.customer.post("/environments", { ...ORDER, name: "homeless" });
  const why = await eventually(
    async () => {
      const row = await house.customer.get(`/environments/${String(id)}`);
      return String(row.status_reason).includes("host-2") && row;
    },
    { what: "the reason" },
  );

  expect(visible.degraded).toContain("runtime-down");
  expect(host.agent.isEnded).toBe(false);
  expect(why).toMatchObject({ status: "queued" });
});
