/** The stops of the fleet's map: where arrow keys lead, and what Tab comes to. */
import { describe, expect, test } from "vitest";
import type { MapCard, MapHost, MapRow } from "@remotegpu/dashboard/pages/fleet/map/map-rows";
import {
  firstStop,
  hasStop,
  placeOf,
  type RowStop,
  stopByKey,
  stopOfPlace,
} from "@remotegpu/dashboard/pages/fleet/map/map-stops";

const CARD: MapCard = {
  uuid: "GPU-1",
  gpu_index: 0,
  name: "NVIDIA A100",
  memory_total: null,
  memory_used_mib: null,
  utilization_percent: null,
  temperature_c: null,
  power_w: null,
  sampled_at: null,
  health_status: "healthy",
  reason: null,
  reason_code: null,
  reason_params: null,
  cordoned: false,
  simulated: false,
  free: true,
  vanished_at: null,
  holders: [],
};

function host(id: string, cards: number, change: Partial<MapHost> = {}): MapRow {
  return {
    kind: "host",
    host: {
      id,
      host_name: id,
      status: "online",
      status_reason: null,
      status_reason_code: null,
      status_reason_params: null,
      connection: "connected",
      cordoned: false,
      simulated: false,
      labels: null,
      group: null,
      last_heartbeat_at: null,
      gpus: Array.from({ length: cards }, () => CARD),
      ...change,
    },
  };
}

const SILENT = { connection: "unreachable", last_heartbeat_at: "2026-01-01T00:00:00.000Z" } as const;
const ROWS: MapRow[] = [
  { kind: "group", name: "rack a", hosts: 2, here: 2 },
  host("wide", 3),
  host("empty", 0),
  { kind: "group", name: "rack b", hosts: 2, here: 2 },
  host("narrow", 1),
  host("silent", 2, SILENT),
];

const led = (from: string, key: string) => {
  const stop = stopOfPlace(from);
  const next = stop === null ? undefined : stopByKey(ROWS, stop, key);
  return next === null || next === undefined ? next : `${next.row} ${placeOf(next.to)}`;
};

describe("arrow keys", () => {
  test.each([
    ["wide#name", "ArrowRight", "1 wide#actions"],
    ["wide#actions", "ArrowRight", "1 wide#0"],
    ["wide#0", "ArrowLeft", "1 wide#actions"],
    ["wide#2", "ArrowRight", null],
    ["wide#name", "ArrowLeft", null],
    ["wide#name", "ArrowUp", null],
    ["wide#name", "ArrowDown", "2 empty#name"],
    ["empty#actions", "ArrowRight", null],
    ["empty#actions", "ArrowDown", "4 narrow#actions"],
    // Over a host without cards, to the last card where there are fewer.
    ["wide#2", "ArrowDown", "4 narrow#0"],
    ["silent#1", "ArrowRight", "5 silent#age"],
    ["silent#age", "ArrowUp", null],
    ["silent#age", "ArrowLeft", "5 silent#1"],
    ["silent#1", "ArrowDown", null],
    ["gone#0", "ArrowRight", null],
    ["wide#0", "Enter", undefined],
  ])("lead from %s by %s to %s", (from, key, to) => {
    expect(led(from, key)).toBe(to);
  });
});

describe("Tab comes to", () => {
  test.each<[string, MapRow[], string | null]>([
    ["the first card of all", ROWS, "wide#0"],
    ["the first name where no host has a card", [host("empty", 0), host("other", 0)], "empty#name"],
    ["nothing of a map without hosts", [], null],
  ])("%s", (_what, rows, place) => {
    const stop = firstStop(rows);

    expect(stop === null ? null : placeOf(stop)).toBe(place);
  });
});

test.each<[string, RowStop, boolean]>([
  ["wide", 2, true],
  ["wide", 3, false],
  ["wide", "age", false],
  ["silent", "age", true],
  ["gone", "name", false],
])("a stop of %s, %s, is there: %s", (of, stop, isThere) => {
  expect(hasStop(ROWS, { host: of, stop })).toBe(isThere);
});

test("a host's id may hold what divides it from the stop", () => {
  expect(stopOfPlace(placeOf({ host: "a#1", stop: "actions" }))).toEqual({ host: "a#1", stop: "actions" });
});

test("what is marked with no place is no stop", () => {
  expect([stopOfPlace(undefined), stopOfPlace("main")]).toEqual([null, null]);
});
