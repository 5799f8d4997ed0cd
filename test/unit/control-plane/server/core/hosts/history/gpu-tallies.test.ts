import { describe, expect, test } from "vitest";
import { BUCKET_MS, type GpuReading } from "@remotegpu/control-plane/server/core/hosts/history/gpu-reading";
import { GpuTallies } from "@remotegpu/control-plane/server/core/hosts/history/gpu-tallies";

const HOUR = Date.parse("2026-03-10T12:00:00Z");
const NULLS: GpuReading = { utilization: null, memory_used: null, temperature: null, power: null };
const reading = (utilization: number): GpuReading => ({
  utilization,
  memory_used: 1_000 + utilization,
  temperature: 50,
  power: utilization + 0.4,
});
const ofCard = (atMs: number, reported: GpuReading, { hostId = "host-a", uuid = "GPU-1" } = {}) => ({
  hostId,
  uuid,
  reading: reported,
  atMs,
});

function taken(tallies: GpuTallies, nowMs: number, all = false) {
  const buckets = [];
  for (;;) {
    const heard = tallies.next({ nowMs, all, limit: 10 });
    if (heard === null) return buckets;
    buckets.push(heard);
    tallies.forget(heard);
  }
}

describe("what is heard of a card", () => {
  test("is one bucket of least, mean and most, rounded once", () => {
    const tallies = new GpuTallies();
    for (const [after, use] of [
      [0, 10],
      [10_000, 20],
      [BUCKET_MS - 1, 61],
    ] as const)
      tallies.note(ofCard(HOUR + after, reading(use)));

    const [bucket] = taken(tallies, HOUR + BUCKET_MS);

    expect(bucket).toEqual({
      atMs: HOUR,
      cards: [
        {
          hostId: "host-a",
          uuid: "GPU-1",
          readings: {
            samples: 3,
            utilization: { min: 10, mean: 30, max: 61 },
            memory_used: { min: 1_010, mean: 1_030, max: 1_061 },
            temperature: { min: 50, mean: 50, max: 50 },
            power: { min: 10, mean: 31, max: 61 },
          },
        },
      ],
    });
  });

  test("goes into the bucket in which it was heard, to the millisecond", () => {
    const tallies = new GpuTallies();
    tallies.note(ofCard(HOUR - 1, reading(1)));
    tallies.note(ofCard(HOUR, reading(2)));

    const buckets = taken(tallies, HOUR + BUCKET_MS);

    expect(buckets.map(({ atMs, cards }) => [atMs, cards[0]?.readings.utilization?.mean])).toEqual([
      [HOUR - BUCKET_MS, 1],
      [HOUR, 2],
    ]);
  });

  test("is null where the card does not report it, whatever it reports else, and never 0", () => {
    const tallies = new GpuTallies();
    tallies.note(ofCard(HOUR, { ...NULLS, temperature: 40 }));
    tallies.note(ofCard(HOUR, { ...NULLS, utilization: 8 }));

    const [bucket] = taken(tallies, HOUR + BUCKET_MS);

    expect(bucket?.cards[0]?.readings).toEqual({
      samples: 2,
      utilization: { min: 8, mean: 8, max: 8 },
      memory_used: null,
      temperature: { min: 40, mean: 40, max: 40 },
      power: null,
    });
  });

  test("is cut where no column holds it", () => {
    const tallies = new GpuTallies();
    tallies.note(ofCard(HOUR, { ...NULLS, temperature: 100_000, power: 1_000_000 }));

    const [bucket] = taken(tallies, HOUR + BUCKET_MS);

    expect(bucket?.cards[0]?.readings.temperature?.max).toBe(32_767);
    expect(bucket?.cards[0]?.readings.power?.max).toBe(32_767);
  });
});

describe("buckets", () => {
  test("are there to be written once they are over, and at the end all are", () => {
    const tallies = new GpuTallies();
    tallies.note(ofCard(HOUR, reading(1)));

    expect(tallies.next({ nowMs: HOUR + BUCKET_MS - 1, all: false, limit: 10 })).toBeNull();
    expect(tallies.next({ nowMs: HOUR + BUCKET_MS - 1, all: true, limit: 10 })).not.toBeNull();
    expect(tallies.next({ nowMs: HOUR + BUCKET_MS, all: false, limit: 10 })).not.toBeNull();
  });

  test("of a clock that was set back are written, too", () => {
    const tallies = new GpuTallies();
    tallies.note(ofCard(HOUR + 10 * BUCKET_MS, reading(1)));

    expect(taken(tallies, HOUR).map(({ atMs }) => atMs)).toEqual([HOUR + 10 * BUCKET_MS]);
  });

  test("come host by host up to the limit, and stay until they are written", () => {
    const tallies = new GpuTallies();
    for (const hostId of ["host-a", "host-b"])
      for (const uuid of ["GPU-1", "GPU-2"]) tallies.note(ofCard(HOUR, reading(1), { hostId, uuid }));
    const next = () => tallies.next({ nowMs: HOUR + BUCKET_MS, all: false, limit: 2 });

    const first = next();

    expect(first?.cards.map(({ hostId }) => hostId)).toEqual(["host-a", "host-a"]);
    expect(next()).toEqual(first);
    if (first !== null) tallies.forget(first);
    expect(next()?.cards.map(({ hostId }) => hostId)).toEqual(["host-b", "host-b"]);
  });

  test("that cannot be written go, the oldest first, once there are more than three", () => {
    const tallies = new GpuTallies();
    for (const nth of [0, 1, 2, 3]) tallies.note(ofCard(HOUR + nth * BUCKET_MS, reading(nth)));

    const stored = taken(tallies, HOUR, true).map(({ atMs }) => (atMs - HOUR) / BUCKET_MS);

    expect(stored).toEqual([1, 2, 3]);
  });

  test("take 512 cards of a host that makes them up, and all that it reported of those", () => {
    const tallies = new GpuTallies();
    for (let card = 0; card < 600; card += 1) tallies.note(ofCard(HOUR, reading(1), { uuid: `GPU-${card}` }));
    tallies.note(ofCard(HOUR, reading(3), { uuid: "GPU-0" }));

    const cards = taken(tallies, HOUR + BUCKET_MS).flatMap((bucket) => bucket.cards);

    expect(cards.length).toBe(512);
    expect(cards[0]?.readings.samples).toBe(2);
  });
});
