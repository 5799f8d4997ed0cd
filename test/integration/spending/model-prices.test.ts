/** Cards whose model has a price of its own, from the order to the bill: the run pays for the card that it got. */
import { ingestBatch } from "@remotegpu/control-plane/server/controllers/ingest/ingest";
import { UsageEntry } from "@remotegpu/shared/proof/journal-row";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ChainedJournal } from "../../support/samples/chained-journal.ts";
import type { ScriptedHost } from "../../support/worlds/control-scene.ts";
import {
  type Customer,
  openPlacementScene,
  type PlacementScene,
} from "../../support/placement/placement-scene.ts";

const MINUTE = 60_000;
const CHINA = { utcOffsetMinutes: 480, closeDelayHours: 24 };

let scene: PlacementScene;
let ann: Customer;
beforeAll(async () => {
  scene = await openPlacementScene();
  ann = await scene.customer("ann");
});
afterAll(async () => await scene.close());

/** From now on. */
async function price(spec: string, line: string, unitPrice: string): Promise<void> {
  const body = { spec, line, unit_price: unitPrice, billing_unit: "hour", new_spec: true };
  expect((await scene.api.request("POST", "/api/v1/prices", { as: scene.api.admin, body })).status).toBe(201);
}

/** With one card, of that model. */
async function hostWith(id: string, model: string): Promise<ScriptedHost> {
  const host = await scene.host(id, { gpus: 1 });
  host.gpus = host.gpus.map((gpu) => ({ ...gpu, name: model }));
  await host.report([]);
  return host;
}

interface Placed {
  readonly host: ScriptedHost;
  readonly runId: string;
  readonly instanceId: string;
}

/** An environment on the host's card; it takes what is free, and all else is full. */
async function startOn(host: ScriptedHost, spec: string): Promise<Placed> {
  const id = await scene.environment(ann, { gpu: 1, config: { spec } });
  expect((await scene.schedule()).placed).toEqual([id]);
  const [wanted] = await host.round();
  if (wanted === undefined) throw new Error(`nothing was placed on ${host.id}`);
  return { host, runId: wanted.runId, instanceId: wanted.instanceId };
}

/**
 * Half an hour that begins so long after the boot's first heartbeat, reported at its end, by which the run is over. It
 * begins a minute later at least: on a busy machine the order comes seconds after the heartbeat, and no use is before it.
 */
async function useHalfAnHour({ host, runId, instanceId }: Placed, afterMinutes = 1): Promise<void> {
  const { monotonicMs, bootId } = host.heartbeatOf();
  const startMs = monotonicMs + afterMinutes * MINUTE;
  const journal = new ChainedJournal(host.journalId);
  journal.append(
    UsageEntry.parse({
      kind: "usage",
      runId,
      instanceId,
      placementEpoch: 1,
      bootId,
      startMs,
      endMs: startMs + 30 * MINUTE,
      proof: "exact",
      final: true,
      wallEnd: "",
    }),
  );
  scene.api.passMinutes(afterMinutes + 31);
  const deps = { db: scene.api.deps.db, verify: async () => true, calendar: CHINA };
  const report = await ingestBatch(deps, host.id, journal.batch(), scene.api.deps.now());
  expect(report).toMatchObject({ decided: 1, quarantined: 0 });
}

async function billed({ runId }: Placed): Promise<string[]> {
  const rows = await scene.rows<{ text: string }>(
    `SELECT concat_ws(' ', line, quantity, unit_price, amount) AS text FROM billing_records
      WHERE run_id = $1 AND line LIKE 'gpu%'`,
    [runId],
  );
  return rows.map(({ text }) => text);
}

test("a run pays the price of its card's model, beside a general one and without one", async () => {
  await price("models", "cpu", "0");
  await price("models", "memory", "0");
  await price("models", "gpu:NVIDIA H100 80GB HBM3", "30");
  const first = await startOn(await hostWith("host-h100", "NVIDIA H100 80GB HBM3"), "models");
  await useHalfAnHour(first);
  expect(await billed(first)).toEqual(["gpu:NVIDIA H100 80GB HBM3 1 30.000000 15.0000"]);

  await price("models", "gpu", "4");
  const other = await startOn(await hostWith("host-l40s", "NVIDIA L40S"), "models");
  await useHalfAnHour(other);
  expect(await billed(other)).toEqual(["gpu 1 4.000000 2.0000"]);
});

test("a model's own price that comes between placement and beginning is the run's", async () => {
  await price("mixed", "cpu", "0");
  await price("mixed", "memory", "0");
  await price("mixed", "gpu", "4");
  const placed = await startOn(await hostWith("host-a100", "NVIDIA A100"), "mixed");
  expect(
    await scene.rows("SELECT line FROM run_lines WHERE run_id = $1 AND line LIKE 'gpu%'", [placed.runId]),
  ).toEqual([{ line: "gpu" }]);
  await price("mixed", "gpu:NVIDIA A100", "10");

  await useHalfAnHour(placed, 5);

  expect(await billed(placed)).toEqual(["gpu:NVIDIA A100 1 10.000000 5.0000"]);
});
