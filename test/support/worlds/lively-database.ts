/**
 * A database in the middle of its life, for tests that look at all of it: usage in any order, forged, lost and
 * quarantined; hours, a refund, waived time; environments in every state that lasts, and their ports.
 */
import { chargeDueHours } from "@remotegpu/control-plane/server/controllers/billing/charging";
import { ingestBatch } from "@remotegpu/control-plane/server/controllers/ingest/ingest";
import type { Database } from "@remotegpu/control-plane/server/store/database/database";
import { transaction } from "@remotegpu/control-plane/server/store/database/transaction";
import { refund } from "@remotegpu/control-plane/server/store/billing/ledger/payments";
import { waiveRun } from "@remotegpu/control-plane/server/store/billing/runs/runs";
import { acquireLeadership } from "@remotegpu/control-plane/server/store/database/leader";
import { parsePoints } from "@remotegpu/shared/values/money";
import { openControlScene } from "./control-scene.ts";
import { at, CHINA, openScene, openSceneRun, type Scene, SceneJournal } from "../billing/metering-scene.ts";
import type { FreshDatabase } from "../engines/postgres.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

export async function liveThrough(fresh: FreshDatabase): Promise<void> {
  await meter(fresh.application);
  await placeAndEnd(fresh);
}

async function meter(database: Database): Promise<void> {
  await hour(database, at(0));
  const scene = await openScene(database, "ann");
  for (const run of ["r1", "r2", "r3"]) await openSceneRun(database, scene, run);
  const journal = new SceneJournal(scene);
  for (let n = 0; n < 8; n += 1) {
    journal.write({ run: "r1", fromMs: n * 10 * MINUTE, toMs: (n + 1) * 10 * MINUTE - 1, final: n === 7 });
    journal.write({ run: "r2", fromMs: n * 10 * MINUTE, toMs: (n + 1) * 10 * MINUTE });
  }
  journal.writeLost("the row does not match its hash");
  journal.write({ run: "nobody", fromMs: 0, toMs: MINUTE });
  const send = (first: number, last: number) => ingest(database, scene, journal.batch(first, last));
  await send(1, 4);
  await send(9, 12);
  await hour(database, at(HOUR));
  await send(5, 10);
  await send(1, 18);
  await transaction(database, (tx) => waiveRun(tx, { runId: "r2", from: at(30 * MINUTE), reason: "test" }));
  await hour(database, at(2 * HOUR));
  journal.write({ run: "r2", fromMs: 80 * MINUTE, toMs: 90 * MINUTE });
  await send(19, 19);
  await transaction(database, (tx) =>
    refund(tx, {
      id: "back",
      runId: "r1",
      amount: parsePoints("0.5"),
      at: at(3 * HOUR),
      reason: null,
      actor: "test",
    }),
  );

  const forger = new SceneJournal(scene);
  for (const n of [0, 1, 2, 3]) forger.write({ run: "r3", fromMs: n * MINUTE, toMs: (n + 1) * MINUTE });
  const honest = forger.batch(1, 2);
  await ingest(database, scene, honest);
  // Other content under a decided key, and rows that hang on nothing.
  const other = new SceneJournal(scene);
  other.write({ run: "r3", fromMs: 5, toMs: 6 });
  await ingest(database, scene, { ...other.batch(), journalId: honest.journalId });
  await ingest(database, scene, { ...forger.batch(3, 4), previousHash: "e".repeat(64) });
}

/** One runs, one restarts, one is stopped, deleted, waiting, lost with its host. */
async function placeAndEnd(fresh: FreshDatabase): Promise<void> {
  const scene = await openControlScene(fresh);
  const owner = await scene.customer("owner");
  const host = await scene.host("host-one", { gpus: 4, cpu: 8, leases: true });
  const order = async (change: object) => (await scene.order(owner, change)).body.id as string;
  const act = (id: string, verb: string) =>
    scene.api.request("POST", `/api/v1/environments/${id}/${verb}`, { as: owner });
  const ids: string[] = [];
  for (const name of ["runs", "stops", "dies", "begins-anew"]) ids.push(await order({ name, gpu: 1 }));
  await scene.schedule();
  await host.round();
  const [runs, stops, dies, anew] = ids as [string, string, string, string];
  await act(stops, "stop");
  await scene.api.request("DELETE", `/api/v1/environments/${dies}`, { as: owner });
  await host.round({ phase: "stopped" });
  for (let n = 0; n < 3; n += 1) await host.round();
  for (const id of [runs, anew]) await act(id, "start");
  await scene.schedule();
  await host.round();
  await act(anew, "restart");
  await order({ name: "waits", gpu: 3 });
  const gone = await scene.host("host-two", { gpus: 1, cpu: 64, leases: true });
  await order({ name: "lost", cpu: 32 });
  await scene.schedule();
  await gone.round();
  await scene.api.request("DELETE", "/api/v1/hosts/host-two?lost=true", { as: scene.api.admin });
}

async function ingest(
  database: Database,
  scene: Scene,
  batch: ReturnType<SceneJournal["batch"]>,
): Promise<void> {
  const deps = { db: database, verify: async () => true, calendar: CHINA };
  await ingestBatch(deps, scene.hostId, batch, at(2 * HOUR));
}

async function hour(database: Database, now: Date): Promise<void> {
  const term = await acquireLeadership(database, { holder: "one", now });
  await chargeDueHours({ db: database, calendar: CHINA }, { term: term ?? 0, now });
}
