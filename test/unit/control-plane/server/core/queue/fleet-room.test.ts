import { asReported } from "@remotegpu/control-plane/server/core/reasons/reason";
import { describe, expect, test } from "vitest";
import type { Fleet } from "@remotegpu/control-plane/server/core/placement/fleet/fleet";
import { FleetRoom } from "@remotegpu/control-plane/server/core/queue/fleet-room";
import type { NamedWork } from "@remotegpu/control-plane/server/core/queue/turn";
import { CLOSED, aHost, gpusOf } from "../../../../../support/placement/fleet.ts";
import { anOrder, NOW, OPTIONS, work } from "../../../../../support/placement/queued-orders.ts";
import { HELD_WHOLE, wholeGpus } from "../../../../../support/placement/whole-gpus.ts";

/** Cards of `id`, the first so many of them held. */
const cardsOf = (id: string, count: number, taken: number) =>
  gpusOf(id, count).map((gpu, index) => (index < taken ? { ...gpu, ...HELD_WHOLE } : gpu));
const roomOf = (fleet: Fleet, running: NamedWork[] = []) => new FleetRoom(fleet, running, OPTIONS);
const placesOf = (room: FleetRoom, id: string) => room.placed.get(id)?.map(({ hostId }) => hostId);

/** Four cards, two of them held by work that ends in a hundred seconds. */
const halfFull = {
  fleet: { hosts: [aHost({ id: "a", gpus: cardsOf("a", 4, 2) })] },
  running: [work("x", { hostId: "a", cards: ["GPU-a-0", "GPU-a-1"], endsIn: 100 })],
};

test("what fits starts, and takes what it got", () => {
  const room = roomOf({ hosts: [aHost({ id: "a", gpus: gpusOf("a", 1) })] });

  expect(room.start(anOrder("one", { gpu: wholeGpus(1) }))).toBe("started");
  expect(room.start(anOrder("two", { gpu: wholeGpus(1) }))).toBe("no-room");
  expect(placesOf(room, "one")).toEqual(["a"]);
});

test("what is on hold is not tried, and what no host could take is reported apart", () => {
  const room = roomOf({ hosts: [aHost({ id: "a", gpus: gpusOf("a", 1) })] });

  expect(room.start(anOrder("held", { gpu: wholeGpus(1) }, { heldBack: asReported("Waiting.") }))).toBe(
    "held-back",
  );
  expect(room.start(anOrder("huge", { gpu: wholeGpus(2) }))).toBe("never-fits");
  expect(room.impossible.get("huge")).toMatchObject({ field: "gpu" });
  expect(room.start(anOrder("one", { gpu: wholeGpus(1) }))).toBe("started");
});

describe("a host that is reserved for one payer", () => {
  const stored = (payers: [number, number][]) => ({
    hosts: [aHost({ id: "a", gpus: gpusOf("a", 4), payers: new Map(payers) })],
  });

  test("is one payer's within a pass, though it is empty before", () => {
    const room = roomOf(stored([]));

    expect(room.start(anOrder("one", { gpu: wholeGpus(1), payer: 1 }))).toBe("started");
    expect(room.start(anOrder("two", { gpu: wholeGpus(1), payer: 2 }))).toBe("no-room");
    expect(room.start(anOrder("three", { gpu: wholeGpus(1), payer: 1 }))).toBe("started");
  });

  test("is promised to another payer for when the last of what runs there has ended", () => {
    const running = [
      { ...work("x", { hostId: "a", endsIn: 100 }), payer: 1 },
      { ...work("y", { hostId: "a", endsIn: 300 }), payer: 1 },
    ];
    const room = roomOf(stored([[1, 2]]), running);

    expect(room.start(anOrder("head", { gpu: wholeGpus(1), payer: 2 }))).toBe("no-room");
    expect(room.reserve(anOrder("head", { gpu: wholeGpus(1), payer: 2 }))).toBe(NOW + 300_000);
  });
});

describe("a head that fits once what runs has ended as promised", () => {
  test("is promised the moment of that end", () => {
    expect(roomOf(halfFull.fleet, halfFull.running).reserve(anOrder("head", { gpu: wholeGpus(4) }))).toBe(
      NOW + 100_000,
    );
  });

  test("waits for the last of those it needs, and for no more", () => {
    const fleet = { hosts: [aHost({ id: "a", gpus: cardsOf("a", 4, 3) })] };
    const running = [
      work("x", { hostId: "a", cards: ["GPU-a-0"], endsIn: 300 }),
      work("y", { hostId: "a", cards: ["GPU-a-1"], endsIn: 100 }),
      work("z", { hostId: "a", cards: ["GPU-a-2"], endsIn: 200 }),
    ];

    expect(roomOf(fleet, running).reserve(anOrder("head", { gpu: wholeGpus(3) }))).toBe(NOW + 200_000);
  });

  test("counts work whose promise has passed as ending now", () => {
    const late = [work("x", { hostId: "a", cards: ["GPU-a-0", "GPU-a-1"], endsIn: -50 })];

    expect(roomOf(halfFull.fleet, late).reserve(anOrder("head", { gpu: wholeGpus(4) }))).toBe(NOW);
  });

  test("counts work that started in this pass", () => {
    const room = roomOf({ hosts: [aHost({ id: "a", gpus: gpusOf("a", 2) })] });
    room.start(anOrder("short", { gpu: wholeGpus(1) }, { limitSeconds: 60 }));

    expect(room.reserve(anOrder("head", { gpu: wholeGpus(2) }))).toBe(NOW + 60_000);
  });

  test.each([
    ["ends one second before", 99, "started"],
    ["ends with the head's start", 100, "started"],
    ["ends one second later", 101, "no-room"],
    ["may run as long as it likes", null, "no-room"],
  ] as const)("is not delayed: work on its cards that %s: %s", (_what, limitSeconds, outcome) => {
    const room = roomOf(halfFull.fleet, halfFull.running);
    room.reserve(anOrder("head", { gpu: wholeGpus(4) }));

    expect(room.startBeside(anOrder("small", { gpu: wholeGpus(1) }, { limitSeconds }))).toBe(outcome);
  });

  test("leaves what it does not need, to others that last, once", () => {
    const room = roomOf(halfFull.fleet, halfFull.running);
    room.reserve(anOrder("head", { gpu: wholeGpus(3) }));

    expect(room.startBeside(anOrder("one", { gpu: wholeGpus(1) }))).toBe("started");
    expect(room.startBeside(anOrder("two", { gpu: wholeGpus(1) }))).toBe("no-room");
  });

  test("leaves other hosts alone", () => {
    const other = aHost({ id: "b", gpus: gpusOf("b", 1) });
    const room = roomOf({ hosts: [...halfFull.fleet.hosts, other] }, halfFull.running);
    room.reserve(anOrder("head", { gpu: wholeGpus(4) }));

    expect(room.startBeside(anOrder("one", { gpu: wholeGpus(1) }))).toBe("started");
    expect(placesOf(room, "one")).toEqual(["b"]);
    expect(room.startBeside(anOrder("two", { gpu: wholeGpus(1) }))).toBe("no-room");
  });

  test("goes elsewhere where that is no later, and leaves its old place to what fits only there", () => {
    const fleet = {
      hosts: [aHost({ id: "a", gpus: cardsOf("a", 2, 1) }), aHost({ id: "b", gpus: cardsOf("b", 2, 2) })],
    };
    const running = [
      work("x", { hostId: "a", cards: ["GPU-a-0"], endsIn: 100 }),
      work("y", { hostId: "b", cards: ["GPU-b-0", "GPU-b-1"], endsIn: 100 }),
    ];
    const room = roomOf(fleet, running);

    expect(room.reserve(anOrder("head", { gpu: wholeGpus(2) }))).toBe(NOW + 100_000);
    expect(room.startBeside(anOrder("one", { gpu: wholeGpus(1) }))).toBe("started");
    expect(room.startBeside(anOrder("two", { gpu: wholeGpus(1) }))).toBe("no-room");
  });

  test("what ends before it frees nothing for those that last", () => {
    const room = roomOf(halfFull.fleet, halfFull.running);
    room.reserve(anOrder("head", { gpu: wholeGpus(3) }));

    expect(room.startBeside(anOrder("short", { gpu: wholeGpus(2) }, { limitSeconds: 50 }))).toBe("started");
    expect(room.startBeside(anOrder("long", { gpu: wholeGpus(1) }))).toBe("no-room");
  });

  test("a gang is promised places on all its hosts", () => {
    const fleet = {
      hosts: ["a", "b"].map((id) => aHost({ id, gpus: cardsOf(id, 2, 1) })),
    };
    const running = [
      work("x", { hostId: "a", cards: ["GPU-a-0"], endsIn: 10 }),
      work("y", { hostId: "b", cards: ["GPU-b-0"], endsIn: 20 }),
    ];
    const room = roomOf(fleet, running);

    expect(room.reserve(anOrder("gang", { gpu: wholeGpus(2), instances: 2 }))).toBe(NOW + 20_000);
    expect(room.startBeside(anOrder("small", { gpu: wholeGpus(1) }))).toBe("no-room");
    expect(room.startBeside(anOrder("short", { gpu: wholeGpus(1) }, { limitSeconds: 19 }))).toBe("started");
  });
});

describe("a head of which nobody knows when it fits", () => {
  const fleet = {
    hosts: [
      aHost({ id: "a", gpus: cardsOf("a", 4, 3) }),
      aHost({ id: "b", gpus: cardsOf("b", 4, 1) }),
      aHost({ id: "c", gpus: gpusOf("c", 1) }),
    ],
  };

  test("keeps what is free where the least is missing, and only there", () => {
    const room = roomOf(fleet);

    expect(room.reserve(anOrder("head", { gpu: wholeGpus(4) }))).toBeNull();
    for (const [id, host] of [
      ["one", "a"],
      ["two", "c"],
    ] as const) {
      expect(room.startBeside(anOrder(id, { gpu: wholeGpus(1) }))).toBe("started");
      expect([placesOf(room, "one"), placesOf(room, "two")].flat()).toContain(host);
    }
    expect(room.startBeside(anOrder("three", { gpu: wholeGpus(1) }))).toBe("no-room");
  });

  test("lets nothing in by a time limit, since it might fit any moment", () => {
    const room = roomOf({ hosts: [aHost({ id: "a", gpus: cardsOf("a", 4, 1) })] });
    room.reserve(anOrder("head", { gpu: wholeGpus(4) }));

    expect(room.startBeside(anOrder("short", { gpu: wholeGpus(1) }, { limitSeconds: 1 }))).toBe("no-room");
  });

  test("lets work without GPU in beside it as far as CPU is left", () => {
    const room = roomOf({ hosts: [aHost({ id: "a", freeCpuMilli: 8000, gpus: cardsOf("a", 4, 1) })] });
    room.reserve(anOrder("head", { gpu: wholeGpus(4), cpuMilli: 6000 }));

    expect(room.startBeside(anOrder("fits", { cpuMilli: 2000 }))).toBe("started");
    expect(room.startBeside(anOrder("more", { cpuMilli: 1000 }))).toBe("no-room");
  });

  test("keeps nothing where all hosts that could take it are closed", () => {
    const room = roomOf({
      hosts: [
        aHost({ id: "a", closed: CLOSED, gpus: gpusOf("a", 4) }),
        aHost({ id: "b", gpus: gpusOf("b", 1) }),
      ],
    });
    room.reserve(anOrder("head", { gpu: wholeGpus(4) }));

    expect(room.startBeside(anOrder("one", { gpu: wholeGpus(1) }))).toBe("started");
  });
});

describe("a query", () => {
  test("takes nothing", () => {
    const room = roomOf(halfFull.fleet, halfFull.running);
    const before = JSON.stringify(room.state.toFleet());

    expect(room.wouldStart(anOrder("one", { gpu: wholeGpus(2) }))).toBe(true);
    expect(room.wouldStart(anOrder("one", { gpu: wholeGpus(3) }))).toBe(false);
    expect(room.wouldStartAfter(anOrder("one", { gpu: wholeGpus(4) }), halfFull.running)).toBe(true);
    expect(room.wouldStartAfter(anOrder("one", { gpu: wholeGpus(4) }), [])).toBe(false);

    expect(JSON.stringify(room.state.toFleet())).toBe(before);
  });

  test("for the longest time limit that would let it in", () => {
    const room = roomOf(halfFull.fleet, halfFull.running);
    const small = anOrder("small", { gpu: wholeGpus(1) });
    expect(room.longestBeside(small)).toBeNull();

    room.reserve(anOrder("head", { gpu: wholeGpus(4) }));

    expect(room.longestBeside(small)).toBe(60);
    expect(room.longestBeside(anOrder("large", { gpu: wholeGpus(3) }))).toBeNull();
  });
});
