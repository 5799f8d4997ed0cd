/**
 * What is acknowledged, an order or money, is with a standby first where an administrator requires that: on a primary and
 * a standby of Debian's Postgres 17.
 */
import { expect, onTestFinished, test } from "vitest";
import { standbyCommand, type StandbyStep } from "@remotegpu/control-plane/server/commands/standby-command";
import { StandbyMissingError } from "@remotegpu/control-plane/server/store/database/confirmation";
import { openDatabase, transaction } from "@remotegpu/control-plane/server/store/database/database";
import { migrate } from "@remotegpu/control-plane/server/store/migrate";
import { serverReadings } from "@remotegpu/control-plane/server/store/overview/metrics/server-readings";
import { GIB } from "@remotegpu/shared/values/units";
import { eventually } from "../../support/eventually.ts";
import { type PostgresPair, startPostgresPair } from "../../support/ha/postgres-pair.ts";
import { isPostgresInstalled, type PostgresServer } from "../../support/ha/postgres-server.ts";
import { type ControlScene, openControlScene } from "../../support/worlds/control-scene.ts";

if (!isPostgresInstalled)
  console.warn("postgresql-17 is not installed here, or this is not root: a standby is left out.");

interface Fleet {
  pair: PostgresPair;
  scene: ControlScene;
  /** What the command prints. */
  standby: (step: StandbyStep, reason?: string) => Promise<string>;
  /** Sends an order, again with the same key where it is the same. */
  order: (key: string) => Promise<{ status: number; code: unknown; retryAfter: string | null }>;
  topUp: (key: string) => Promise<{ status: number; code: unknown }>;
}

async function openFleet(): Promise<Fleet> {
  const pair = await startPostgresPair("wal_sender_timeout = 2min");
  onTestFinished(() => pair.stop());
  await pair.servers[0].query("CREATE DATABASE fleet");
  const url = pair.url("fleet");
  const database = openDatabase(url, { runsAs: "owner" });
  await migrate(database);
  await database.query("GRANT pg_read_all_stats TO remotegpu_app");
  const application = openDatabase(url);
  const drop = async () => {
    await Promise.all([database.close(), application.close()]);
  };
  const scene = await openControlScene({ url, database, application, drop });
  onTestFinished(() => scene.close());
  const alice = await scene.customer("alice");
  const send = async (path: string, as: typeof alice, key: string, body: object) => {
    const answer = await scene.api.request("POST", path, { as, body, headers: { "Idempotency-Key": key } });
    const { status, headers, body: answered } = answer;
    return { status, code: answered.reason_code, retryAfter: headers.get("Retry-After") };
  };
  return {
    pair,
    scene,
    async standby(step, reason) {
      const printed: string[] = [];
      const options = { step, ...(reason !== undefined && { reason }) };
      await standbyCommand(application, options, {
        print: (text) => void printed.push(text),
        now: new Date(),
      });
      return printed.join("\n");
    },
    order: async (key) => await send("/api/v1/environments", alice, key, ORDER),
    topUp: async (key) =>
      await send(`/api/v1/customers/${alice.customerId}/top-ups`, scene.api.admin as never, key, {
        amount: "5",
      }),
  };
}

const ORDER = { name: "work", image: "busybox:1", cpu: 1, memory: GIB, gpu: 0 };

/** Commits that wait for the standby. */
const WAITING = "SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep'";

async function ordersIn(server: PostgresServer): Promise<number> {
  const [row] = await server.query("SELECT count(*)::int AS orders FROM environments", "fleet");
  return Number(row?.["orders"]);
}

test.skipIf(!isPostgresInstalled)(
  "orders and money are with the standby before they are acknowledged, and refused without one (left out without postgresql-17)",
  async () => {
    const { pair, order, topUp, standby, scene } = await openFleet();
    const [primary, other] = pair.servers;
    expect(await standby("status")).toContain("acknowledged without a standby");

    expect(await standby("require", "two sites")).toContain("standby: sync, 0.0 s behind");

    expect(await order("first")).toMatchObject({ status: 201 });
    // Not sooner or later: it is there when it is acknowledged.
    expect(await ordersIn(other)).toBe(1);
    expect(await topUp("paid")).toMatchObject({ status: 201 });
    expect(
      (await serverReadings(scene.api.deps.db, new Date())).replicationLagSeconds,
    ).toBeGreaterThanOrEqual(0);

    await other.stop();
    await eventually(async () => (await primary.query("SELECT FROM pg_stat_replication")).length === 0);
    const refused = { status: 503, code: "standby-missing" };
    expect(await order("second")).toMatchObject({ ...refused, retryAfter: "5" });
    expect(await topUp("second")).toMatchObject(refused);
    expect(await ordersIn(primary)).toBe(1);
    expect(await standby("status")).toContain("Next: attach one, or `standby alone`.");
    await expect(standby("require")).rejects.toThrow("no standby of synchronous_standby_names (standby)");
    // What acknowledges nothing goes on.
    await transaction(scene.api.deps.db, async (sql) => {
      await sql.query("SELECT pg_current_xact_id()");
    });

    expect(await standby("alone", "the other site burns")).toContain("acknowledged without a standby");
    expect(await order("second")).toMatchObject({ status: 201 });
    expect(await ordersIn(primary)).toBe(2);
    const switches = await primary.query(
      "SELECT action, subject, before, after FROM audit_log WHERE action LIKE 'standby.%' ORDER BY id",
      "fleet",
    );
    expect(switches).toEqual([
      {
        action: "standby.require",
        subject: expect.stringMatching(/: two sites$/),
        before: { standby_required: false },
        after: { standby_required: true },
      },
      {
        action: "standby.alone",
        subject: expect.stringMatching(/: the other site burns$/),
        before: { standby_required: true },
        after: { standby_required: false },
      },
    ]);
  },
  60_000,
);

test.skipIf(!isPostgresInstalled)(
  "a standby that hangs leaves an order unknown within seconds, and the same key settles it (left out without postgresql-17)",
  async () => {
    const { pair, order, standby } = await openFleet();
    const [primary, other] = pair.servers;
    await standby("require");
    other.freeze();
    const startedMs = performance.now();

    const first = await order("one");

    const answeredMs = performance.now() - startedMs;
    console.info(`unknown after ${Math.round(answeredMs)} ms`);
    expect(first).toMatchObject({ status: 503, code: "commit-unconfirmed", retryAfter: "5" });
    expect(answeredMs).toBeLessThan(15_000);
    // It is not acknowledged by its key, either, as long as the standby hangs.
    expect(await order("one")).toMatchObject({ status: 503, code: "commit-unconfirmed" });

    other.thaw();
    await eventually(async () => (await order("one")).status === 201);
    expect(await ordersIn(primary)).toBe(1);
    expect(await ordersIn(other)).toBe(1);
  },
  90_000,
);

test.skipIf(!isPostgresInstalled)(
  "what a former primary took and the standby lacks was never acknowledged, and is done once after the promotion (left out without postgresql-17)",
  async () => {
    const { pair, order, standby } = await openFleet();
    const [primary, other] = pair.servers;
    await standby("require");
    expect(await order("kept")).toMatchObject({ status: 201 });
    other.freeze();
    const torn = order("torn");
    await eventually(async () => (await primary.query(WAITING)).length > 0);
    // With what has come to it and was not read.
    await other.kill();
    expect(await torn).toMatchObject({ status: 503, code: "commit-unconfirmed" });
    expect(await ordersIn(primary)).toBe(2);

    // The primary dies with what only it has.
    await primary.kill();
    await other.start();
    await other.promote();
    expect(await ordersIn(other)).toBe(1);

    // It has no standby of its own yet.
    await eventually(async () => (await order("torn")).code === "standby-missing");
    await standby("alone");
    expect(await order("torn")).toMatchObject({ status: 201 });
    expect(await order("torn")).toMatchObject({ status: 201 });
    await pair.follow(primary, other);
    await standby("require");
    expect(await order("kept")).toMatchObject({ status: 201 });
    expect(await ordersIn(other)).toBe(2);
  },
  90_000,
);

test.skipIf(!isPostgresInstalled)(
  "a login that may not see standbys is told which right it lacks, and acknowledges nothing (left out without postgresql-17)",
  async () => {
    const { pair, standby, scene } = await openFleet();
    await standby("require");
    await pair.servers[0].query("REVOKE pg_read_all_stats FROM remotegpu_app");

    await expect(standby("require")).rejects.toThrow("GRANT pg_read_all_stats TO remotegpu_app");
    const work = transaction(scene.api.deps.db, (sql) => sql.query("SELECT 1", []), { acknowledges: true });
    await expect(work).rejects.toThrow(StandbyMissingError);
  },
  60_000,
);
