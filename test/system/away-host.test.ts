/** A host that was away for eight days: longer than its credential lives, and longer than confirmed rows are kept. */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { chargeDueHours } from "@remotegpu/control-plane/server/controllers/billing/charging";
import { MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import { AwayHost } from "../support/agent/away-host.ts";
import { eventually } from "../support/eventually.ts";
import { CONTROL_PLANE, Program } from "../support/programs/program.ts";
import { CHINA } from "../support/billing/metering-scene.ts";
import { startTestNats, type TestNats } from "../support/engines/nats.ts";
import { freshDatabase, type FreshDatabase } from "../support/engines/postgres.ts";
import { freePort } from "../support/engines/free-ports.ts";

const AWAY = { days: 8, runs: 3, rowMs: 10 * MS_PER_MINUTE };
/** It ran out while the host was away. */
const EXPIRED_MS = -MS_PER_DAY;

let folder: string;
let database: FreshDatabase;
let nats: TestNats;
let controlPlane: Program;
let host: AwayHost;
let url: string;

/** Ended from the last to the first, each although another fails. */
const ending = new AsyncDisposableStack();
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "remotegpu-away-"));
  ending.defer(() => rmSync(folder, { recursive: true, force: true }));
  database = ending.adopt(await freshDatabase(), (one) => one.drop());
  nats = ending.adopt(await startTestNats(), (one) => one.close());
  const stateDir = join(folder, "control-plane");
  mkdirSync(stateDir, { mode: 0o700 });
  copyFileSync(join(nats.folder, "operator.json"), join(stateDir, "operator.json"));
  const listen = `127.0.0.1:${await freePort()}`;
  url = `http://${listen}`;
  controlPlane = new Program(
    CONTROL_PLANE,
    {
      REMOTEGPU_STATE_DIR: stateDir,
      REMOTEGPU_LISTEN: listen,
      REMOTEGPU_AGENT_BUNDLE: "0",
      REMOTEGPU_EXIT_WITH_STDIN: "1",
      DATABASE_URL: database.url,
      NATS_URL: nats.address.urls[0] ?? "",
    },
    join(folder, "control-plane.log"),
  );
  host = ending.adopt(await AwayHost.gone(database.database, "away", AWAY), (one) => one.close());
  ending.defer(() => controlPlane.stop());
  controlPlane.start();
  await eventually(async () => (await fetch(`${url}/readyz`)).ok, {
    withinMs: 60_000,
    what: "the control plane",
  });
});
afterAll(() => ending.disposeAsync());

async function request<Row extends Record<string, unknown>>(text: string): Promise<Row[]> {
  return (await database.database.query<Row>(text)).rows;
}

/** Under the leader's own term, as it will when the hour has come. */
async function chargeNextHour(): Promise<void> {
  const [leader] = await request<{ term: number }>("SELECT term FROM leader");
  const now = new Date(Date.now() + MS_PER_HOUR);
  await chargeDueHours({ db: database.database, calendar: CHINA }, { term: leader?.term ?? 0, now });
}

test("it comes back by itself with a credential of last week, and its eight days arrive once, as they were chained", async () => {
  await host.comeBack(nats, { apiUrl: url, database: database.database, lifetimeMs: EXPIRED_MS });
  await eventually(
    async () =>
      (await request<{ watermark: number }>("SELECT watermark FROM host_journals"))[0]?.watermark ===
      host.rows,
    { withinMs: 60_000, what: "every row decided" },
  );

  expect(
    await request(
      "SELECT count(*) AS rows, count(DISTINCT seq) AS seqs, max(verdict) AS verdict FROM usage_rows",
    ),
  ).toEqual([{ rows: host.rows, seqs: host.rows, verdict: "accepted" }]);
  // A batch that overtook the others may have ended a run before all of it was here; the next full hour takes the rest.
  await chargeNextHour();
  const minutes = host.awayMs / MS_PER_MINUTE;
  expect(
    await request(
      "SELECT proven_ms, billed_minutes, posted_amount::float8 AS posted, closed_at IS NOT NULL AS closed FROM runs",
    ),
  ).toEqual(
    host.runIds.map(() => ({
      proven_ms: host.awayMs,
      billed_minutes: minutes,
      // One unit of the spec costs 0.1 a minute.
      posted: minutes / 10,
      closed: true,
    })),
  );
  expect(await request("SELECT FROM quarantine")).toEqual([]);
});

test("sent again from the beginning it changes nothing, and the doctor finds every journal whole", async () => {
  const before = await request("SELECT id, proven_ms, posted_amount FROM runs ORDER BY id");
  await host.leave();
  host.forgetConfirmations();
  await host.comeBack(nats, { apiUrl: url, database: database.database });
  await eventually(
    async () => {
      const { watermarkSeen } = host.journal.head();
      return watermarkSeen === host.rows;
    },
    { withinMs: 60_000, what: "the watermark" },
  );

  expect(await request("SELECT id, proven_ms, posted_amount FROM runs ORDER BY id")).toEqual(before);
  expect(await request("SELECT count(*) AS rows FROM usage_rows")).toEqual([{ rows: host.rows }]);
  const doctor = await controlPlane.command("doctor");
  expect(doctor.stdout).not.toContain("BROKEN");
  expect(doctor.exitCode).toBe(0);
});
