/**
 * Cards that fall sick under what runs on them, from the host's nvidia-smi to the bill: a real agent with real containers
 * under the real control plane, the clock of both set forward. Each state of the records on a card of its own.
 */
import { readFile, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readBootId } from "@remotegpu/agent/host/clock";
import { readGpuMemory } from "@remotegpu/agent/host/gpus/gpu-memory-file";
import { simulatedCdiFile } from "@remotegpu/agent/host/gpus/simulated/simulated-cdi";
import { setSimulatedFaults } from "@remotegpu/agent/host/gpus/simulated/simulated-faults";
import { SAMPLE_EVERY_MS } from "@remotegpu/agent/loop/watch/gpus/gpu-watch";
import { GpuUuid } from "@remotegpu/shared/values/ids";
import { eventually } from "../../../support/eventually.ts";
import { AgentUnderControl } from "../../../support/worlds/fleet/agent-under-control.ts";

/** What ends the run, by how the fault is played and what its code is. */
const FATAL = [
  [["requires-reset"], /^requires-reset$/],
  [["lost-listed"], /^gpu-lost$/],
  [["exit", "15"], /^gpu-lost$/],
  [["exit", "255"], /^unknown-error$/],
  [["recovery", "Reset"], /^recovery-reset$/],
  [["recovery", "Reboot"], /^recovery-reboot$/],
  [["fabric", "In", "Progress"], /^fabric-in-progress$/],
  [["fall"], /^(fell-off-the-bus|not-listed)$/],
  [["lost"], /^not-listed$/],
] as const;
const CLOSED = [
  [["mig"], /^mig-enabled$/],
  [["recovery", "Drain", "P2P"], /^recovery-drain-p2p$/],
] as const;
/** One run of each, one that outlives them all, and one card that nobody holds. */
const CARDS = FATAL.length + CLOSED.length + 2;
/** Its heartbeat is due as well. */
const SAMPLE_MS = SAMPLE_EVERY_MS + 1_500;
/** By then a run's time is sent. */
const ROW_MS = 61_000;

let world: AgentUnderControl;
/** What was seen, as a table for whoever asks for it. */
const seen: object[] = [];

beforeAll(async () => {
  world = await AgentUnderControl.begin({ simulatedGpus: CARDS });
}, 60_000);
afterAll(async () => {
  if (process.env["SHOW_FAULTS"] !== undefined) console.table(seen);
  await world?.end();
});

interface Held {
  id: string;
  runId: string;
  card: GpuUuid;
}

/** An environment that runs on a card, of which some time is proven already. */
async function runs(): Promise<Held> {
  const id = await world.order(1);
  const { instances } = await world.becomes(id, "running");
  const { gpus, run_id } = instances[0]!;
  const runId = run_id!;
  const card = GpuUuid.parse(gpus[0]?.uuid);
  await eventually(
    async () => {
      world.forward(ROW_MS);
      await sampled();
      return (await provenTo(runId)) !== null;
    },
    { what: "proven time", withinMs: 60_000 },
  );
  return { id, runId, card };
}

/** The sample that is due has been taken, and its host was heard since. */
async function sampled(): Promise<void> {
  const dueMs = world.agent.nowMs;
  await eventually(async () => ((await heardMs()) ?? 0) >= dueMs, { what: "a heartbeat", withinMs: 60_000 });
}

/** The host's clock at its last heartbeat, by the zero of its boot. */
async function heardMs(): Promise<number | null> {
  const { rows } = await world.scene.api.db.query<{ ms: number }>(
    `SELECT (extract(epoch FROM h.last_heartbeat - b.utc_at_zero) * 1000)::float8 AS ms
       FROM hosts h JOIN host_boots b ON b.host_id = h.id AND b.boot_id = h.boot_id WHERE h.id = $1`,
    [world.agent.hostId],
  );
  return rows[0]?.ms ?? null;
}

/** How far the run is proven, on its host's clock; null while nothing is. */
async function provenTo(runId: string): Promise<number | null> {
  const { rows } = await world.scene.api.db.query<{ ms: number | null }>(
    "SELECT upper(proven)::float8 AS ms FROM run_time WHERE run_id = $1",
    [runId],
  );
  return rows[0]?.ms ?? null;
}

async function isClosed(runId: string): Promise<boolean> {
  const { rows } = await world.scene.api.db.query(
    "SELECT FROM runs WHERE id = $1 AND closed_at IS NOT NULL",
    [runId],
  );
  return rows.length === 1;
}

async function lastGoodMs(card: GpuUuid): Promise<number> {
  const memory = await readGpuMemory(world.agent.stateDir, await readBootId());
  const found = memory?.cards.find(({ uuid }) => uuid === card)?.lastGoodMs;
  if (found == null) throw new Error(`nothing is known of ${card}`);
  return found;
}

/** Samples until the card is closed, and when that was on the host's clock. */
async function closes(card: GpuUuid, code: RegExp): Promise<number> {
  let samples = 0;
  while (samples < 3) {
    samples += 1;
    world.forward(SAMPLE_MS);
    const closed = await eventually(
      async () => {
        const known = (await world.cards()).get(card);
        return known !== undefined && (known.cordoned || known.vanished_at !== null) && known;
      },
      { withinMs: 20_000 },
    ).catch(() => null);
    if (closed === null) continue;
    expect(closed.reason_code).toMatch(code);
    return samples;
  }
  throw new Error(`${card} is open after ${samples} samples`);
}

/** An order for all cards of the host waits for the closed one, and says why. One that is gone is nobody's to order. */
async function waits(card: GpuUuid, code: RegExp): Promise<void> {
  const isGone = async () => (await world.cards()).get(card)!.vanished_at !== null;
  if (await isGone()) return;
  const id = await world.order(CARDS);
  await world.scene.schedule();
  expect((await world.environment(id)).status).toBe("queued");
  const { body } = await world.request("GET", `/environments/${id}/why`);
  const why: string = body.hosts[0].reason;
  await world.request("DELETE", `/environments/${id}`);
  const reported = why.split(/[,;] (?=GPU-)/).find((part) => part.includes(card));
  // Its host may have found it gone since the order was placed.
  if (reported === undefined && (await isGone())) return;
  expect(/\(([^()]*)\)$/.exec(reported ?? "")?.[1]).toMatch(code);
}

const play = async (card: GpuUuid, words: readonly string[]) =>
  await setSimulatedFaults(world.agent.stateDir, [{ uuid: card, words }]);
const heal = async () => await setSimulatedFaults(world.agent.stateDir, []);

describe("a card under a run", () => {
  test.each(FATAL)(
    "%j: is closed by one sample, its run ends, reports why and is charged to the last good sample",
    async (words, code) => {
      const { id, runId, card } = await runs();
      const startedMs = world.agent.nowMs;

      await play(card, words);
      const samples = await closes(card, code);
      const closedAfterMs = world.agent.nowMs - startedMs;
      world.forward(SAMPLE_MS);
      const ended = await world.becomes(id, "error");

      expect(samples).toBe(1);
      expect(ended.status_reason).toContain(card);
      expect(/\(([^()]*)\)\.$/.exec(ended.status_reason ?? "")?.[1]).toMatch(code);
      await eventually(() => isClosed(runId), { what: "the run's last row", withinMs: 60_000 });
      const billedAfterMs = ((await provenTo(runId)) ?? 0) - (await lastGoodMs(card));
      seen.push({ fault: words.join(" "), samples, seconds: closedAfterMs / 1000, billedAfterMs });
      expect(billedAfterMs).toBeLessThanOrEqual(0);
      await waits(card, code);
      await heal();
      await world.request("DELETE", `/environments/${id}`);
      world.nudge();
    },
  );

  test.each(CLOSED)(
    "%j: takes nothing new, and what runs on it goes on and is charged",
    async (words, code) => {
      const { id, runId, card } = await runs();
      const startedMs = world.agent.nowMs;
      await play(card, words);
      const samples = await closes(card, code);
      const closedAfterMs = world.agent.nowMs - startedMs;

      await eventually(
        async () => {
          world.forward(ROW_MS);
          await sampled();
          return ((await provenTo(runId)) ?? 0) > startedMs + 3 * SAMPLE_MS;
        },
        { what: "time after the fault", withinMs: 60_000 },
      );

      expect(samples).toBe(1);
      seen.push({ fault: words.join(" "), samples, seconds: closedAfterMs / 1000, billedAfterMs: "drain" });
      const running = await world.environment(id);
      expect(running.status).toBe("running");
      expect(running.instances[0]?.gpus[0]?.fault?.sentence).toMatch(
        /takes nothing new: .*What runs on it goes on/,
      );
      const { body } = await world.request("GET", `/environments/${id}/events`);
      const reported = body.items.filter(({ kind }: { kind: string }) => kind === "gpu-unhealthy");
      expect(reported).toHaveLength(1);
      await world.request("POST", `/environments/${id}/stop`);
      await world.becomes(id, "stopped");
      await waits(card, code);
      await heal();
    },
  );

  test("in MIG mode, which no CDI spec names, does not keep the others from being attached", async () => {
    const file = simulatedCdiFile(world.agent.hostId);
    const spec = JSON.parse(await readFile(file, "utf8"));
    const open = [...(await world.cards()).values()].find(({ cordoned }) => !cordoned)!;
    await play(GpuUuid.parse(open.uuid), ["mig"]);
    const devices = spec.devices.filter(({ name }: { name: string }) => name !== open.uuid);
    await writeFile(file, JSON.stringify({ ...spec, devices }));
    await closes(GpuUuid.parse(open.uuid), /^mig-enabled$/);
    world.forward(SAMPLE_MS);
    await sampled();

    const { card } = await runs();

    expect(card).not.toBe(open.uuid);
    expect((await world.host()).attach_mode).toBe("cdi");
    await heal();
  });
});
