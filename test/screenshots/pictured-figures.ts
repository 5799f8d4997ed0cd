/** What is measured in the pictures: cards over a day, a service's answers over an hour, the time of runs. */
import { BUCKET_MS, type Measure } from "@remotegpu/control-plane/server/core/hosts/history/gpu-reading";
import { countAnswer, noCounts } from "@remotegpu/control-plane/server/core/inference/traffic/traffic-counts";
import { keepHeard } from "@remotegpu/control-plane/server/store/hosts/gpus/gpu-history";
import { keepTraffic } from "@remotegpu/control-plane/server/store/inference/gateway/traffic";
import { MS_PER_HOUR, MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import type { ControlScene, ScriptedHost } from "../support/worlds/control-scene.ts";

export const HISTORY_HOURS = 24;
const IDLE_W = 68;
const BUSY_W = 560;
const SAMPLES_OF_A_BUCKET = 30;

export const H100 = {
  name: "NVIDIA H100 80GB HBM3",
  architecture: "Hopper",
  computeCapability: "9.0",
  driverVersion: "570.86.15",
  memoryTotalMib: 81_559,
  powerLimitW: 700,
  powerW: IDLE_W,
  temperatureC: 31,
};

/** Waves of other lengths for each card, so that no two look the same. */
export function readingOf(
  { card, isHeld }: { card: number; isHeld: boolean },
  minutesBefore: number,
): Record<Measure, number> {
  if (!isHeld)
    return { utilization: 0, memory_used: 4, temperature: 31 + (card % 4), power: IDLE_W + (card % 5) };
  const slow = Math.sin(minutesBefore / (17 + (card % 7)) + card);
  const fast = Math.sin(minutesBefore / 5.3 + card * 2) / 3;
  const middle = 56 + ((card * 37) % 30);
  const utilization = Math.round(Math.min(100, Math.max(3, middle + (slow + fast) * 18)));
  return {
    utilization,
    memory_used: Math.round(H100.memoryTotalMib * (0.45 + ((card * 13) % 45) / 100)),
    temperature: 38 + Math.round(utilization * 0.3),
    power: Math.round(IDLE_W + (utilization / 100) * BUSY_W),
  };
}

/** Of the cards that somebody has, their UUIDs. */
export async function heldCards({ api }: ControlScene): Promise<ReadonlySet<string>> {
  const { rows } = await api.db.query<{ uuid: string }>(
    "SELECT gpu_uuid AS uuid FROM gpu_allocations WHERE released_at IS NULL",
  );
  return new Set(rows.map(({ uuid }) => uuid));
}

export async function keepHistory(
  control: ControlScene,
  { hosts, until }: { hosts: readonly ScriptedHost[]; until: Date },
): Promise<void> {
  const held = await heldCards(control);
  const cards = hosts
    .flatMap(({ id, gpus }) => gpus.map(({ uuid }) => ({ hostId: id, uuid })))
    .map((one, card) => ({ ...one, card, isHeld: held.has(one.uuid) }));
  const last = Math.floor(until.getTime() / BUCKET_MS) * BUCKET_MS;
  for (let atMs = last - HISTORY_HOURS * MS_PER_HOUR; atMs < last; atMs += BUCKET_MS) {
    const heard = cards.map(({ hostId, uuid, ...card }) => ({
      hostId,
      uuid,
      readings: bucketOf(readingOf(card, (until.getTime() - atMs) / MS_PER_MINUTE)),
    }));
    await keepHeard(control.api.db, { atMs, cards: heard });
  }
}

function bucketOf({ utilization, memory_used, temperature, power }: Record<Measure, number>) {
  const spread = (mean: number) => ({ min: mean, mean, max: mean });
  return {
    samples: SAMPLES_OF_A_BUCKET,
    utilization: spread(utilization),
    memory_used: spread(memory_used),
    temperature: spread(temperature),
    power: spread(power),
  };
}

/** An hour of answers, as a gateway counts them. */
export async function keepRequests(
  { api }: ControlScene,
  { serviceId, until }: { serviceId: string; until: Date },
): Promise<void> {
  const tokens = { prompt: 420, completion: 180 };
  for (let before = 60; before >= 0; before -= 1) {
    const counts = noCounts();
    const requests = Math.round(140 + 60 * Math.sin(before / 9) + 25 * Math.sin(before / 2.7));
    for (let nth = 0; nth < requests; nth += 1) {
      const tookMs = 240 + ((nth * 53 + before * 31) % 900);
      const answer = { isWhole: true, bytes: 4_200, tookMs, firstByteMs: tookMs / 5, queuedMs: 0, tokens };
      countAnswer(counts, { ...answer, status: nth % 97 === 0 ? 503 : 200 });
    }
    const minute = new Date(Math.floor(until.getTime() / MS_PER_MINUTE - before) * MS_PER_MINUTE);
    await keepTraffic(api.db, "gw-1", [
      { at: { serviceId, revision: 1, keyName: "website" }, minute, counts },
    ]);
  }
}

/** All that ran has been proven, at the prices of now. */
export async function proveTime({ api }: ControlScene, until: Date): Promise<void> {
  await api.db.query(
    `UPDATE runs SET first_proven_at = ordered_at, last_proven_at = coalesce(closed_at, $1), uncharged = true,
            proven_ms = extract(epoch FROM coalesce(closed_at, $1) - ordered_at) * 1000
      WHERE spec = 'default'`,
    [until],
  );
  await api.db.query(
    `UPDATE run_lines l SET unit_price = p.unit_price, billing_unit = p.billing_unit
       FROM runs r, prices p WHERE r.id = l.run_id AND p.spec = r.spec AND p.line = l.line AND l.unit_price IS NULL`,
  );
}
