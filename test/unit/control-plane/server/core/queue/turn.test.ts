import { expect, test } from "vitest";
import { roomAtTurn } from "@remotegpu/control-plane/server/core/queue/turn";
import { aHost, gpusOf } from "../../../../../support/placement/fleet.ts";
import { anOrder, NO_SHARERS, OPTIONS } from "../../../../../support/placement/queued-orders.ts";
import { wholeGpus } from "../../../../../support/placement/whole-gpus.ts";

test("those ahead have taken their places and those behind have not", () => {
  const requesting = anOrder("asking", { gpu: wholeGpus(2) }, { age: 2 });
  const orders = [
    anOrder("behind", { gpu: wholeGpus(1) }, { age: 1 }),
    requesting,
    anOrder("ahead", { gpu: wholeGpus(1) }, { age: 3 }),
  ];
  const fleet = { hosts: [aHost({ id: "a", gpus: gpusOf("a", 3) })] };

  const room = roomAtTurn({ fleet, running: [], orders, sharers: NO_SHARERS, options: OPTIONS }, requesting);

  expect([...room.placed.keys()]).toEqual(["ahead"]);
  expect(room.wouldStart(requesting)).toBe(true);
  expect(room.wouldStart(anOrder("asking", { gpu: wholeGpus(3) }))).toBe(false);
});

test("a head ahead of it has its place reserved", () => {
  const requesting = anOrder("asking", { gpu: wholeGpus(1) }, { age: 1 });
  const orders = [
    anOrder("running", { gpu: wholeGpus(1) }, { age: 3 }),
    anOrder("head", { gpu: wholeGpus(2) }, { age: 2 }),
    requesting,
  ];
  const fleet = { hosts: [aHost({ id: "a", gpus: gpusOf("a", 2) })] };

  const room = roomAtTurn({ fleet, running: [], orders, sharers: NO_SHARERS, options: OPTIONS }, requesting);

  expect(room.wouldStart(requesting)).toBe(false);
});

test("orders that are sorted already are not sorted once more", () => {
  const requesting = anOrder("asking", { gpu: wholeGpus(1) }, { age: 3 });
  const ahead = anOrder("ahead", { gpu: wholeGpus(1) }, { age: 1 });
  const fleet = { hosts: [aHost({ id: "a", gpus: gpusOf("a", 2) })] };
  const scene = { fleet, running: [], orders: [requesting, ahead], sharers: NO_SHARERS, options: OPTIONS };
  const oldest = {
    ofPayers: new Set<string>(),
    ofWorkspaces: new Set<string>(),
    neverFit: new Set<string>(),
  };

  const room = roomAtTurn(
    { ...scene, prepared: { first: [ahead, requesting], payers: [], oldest } },
    requesting,
  );

  expect([...room.placed.keys()]).toEqual(["ahead"]);
  expect([...roomAtTurn(scene, requesting).placed.keys()]).toEqual([]);
});
