/** What the map shows of the fleet, and in which order. */
import { describe, expect, test } from "vitest";
import { samplesOf, withSamples } from "@remotegpu/dashboard/pages/fleet/map/live-cards";
import {
  groupKeys,
  hearsNobody,
  holderMark,
  holdersOf,
  isOld,
  isWanted,
  type MapCard,
  type MapHost,
  mapRows,
  stepOfUse,
} from "@remotegpu/dashboard/pages/fleet/map/map-rows";

const CARD: MapCard = {
  uuid: "GPU-1",
  gpu_index: 0,
  name: "NVIDIA A100",
  memory_total: 40 * 2 ** 30,
  memory_used_mib: 0,
  utilization_percent: 0,
  temperature_c: 30,
  power_w: "60.0",
  sampled_at: "2026-01-01T00:00:00.000Z",
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
const NOW = Date.parse("2026-01-01T00:00:00.000Z");

function host(id: string, change: Partial<MapHost> = {}): MapHost {
  return {
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
    gpus: [CARD],
    ...change,
  };
}

const named = (rows: ReturnType<typeof mapRows>) =>
  rows.map((row) => (row.kind === "host" ? row.host.id : `[${row.name} ${row.here}/${row.hosts}]`));

describe("the rows", () => {
  test("are the hosts as they come", () => {
    const hosts = [host("b"), host("a")];

    expect(named(mapRows({ hosts, groups: [] }))).toEqual(["b", "a"]);
  });

  test("of groups have a head each, which states how many are on other pages", () => {
    const hosts = [host("c", { group: "" }), host("b", { group: "r1" }), host("a", { group: "r2" })];
    const groups = [
      { name: "", hosts: 1 },
      { name: "r1", hosts: 1 },
      { name: "r2", hosts: 1_200 },
    ];

    expect(named(mapRows({ hosts, groups }))).toEqual(["[ 1/1]", "c", "[r1 1/1]", "b", "[r2 1/1200]", "a"]);
  });

  test("are grouped by where hosts stand before anything else", () => {
    expect(groupKeys(["a", "rack", "zone"])).toEqual(["rack", "a", "zone"]);
    expect(groupKeys(["zone"])).toEqual(["zone"]);
  });
});

describe("a card is wanted", () => {
  test.each([
    [null, {}, true],
    [40, {}, true],
    [43, {}, false],
    [40, { free: false }, false],
    [null, { free: false }, true],
    [40, { memory_total: null }, false],
  ])("with %j GB free, and %j: %s", (freeGb, change, wanted) => {
    expect(isWanted({ ...CARD, ...change }, freeGb)).toBe(wanted);
  });
});

describe("a cell", () => {
  test.each([
    [null, null],
    [0, 0],
    [1, 1],
    [20, 1],
    [21, 2],
    [100, 5],
  ])("of %s %% use is filled to step %s", (percent, step) => {
    expect(stepOfUse({ utilization_percent: percent })).toBe(step);
  });

  test.each([
    ["2026-01-01T00:00:00.000Z", false],
    ["2025-12-31T23:59:30.000Z", false],
    ["2025-12-31T23:59:29.999Z", true],
    [null, true],
  ])("of a sample at %s is grey: %s", (at, old) => {
    expect(isOld({ sampled_at: at }, NOW)).toBe(old);
  });

  test.each([
    [[], ""],
    [["environment"], "E"],
    [["training"], "T"],
    [["inference", "environment", "environment"], "3"],
  ] as const)("held by %j has the letter %j", (kinds, mark) => {
    const holders = kinds.map((kind, n) => ({ kind, id: `w-${n}`, name: "" }));

    expect(holderMark({ holders })).toBe(mark);
  });
});

test("who has two cards of a host is listed once", () => {
  const holders = [{ kind: "environment" as const, id: "env-1", name: "work" }];
  const cards = [
    { ...CARD, holders },
    { ...CARD, uuid: "GPU-2", holders },
  ];

  expect(holdersOf(host("a", { gpus: cards }))).toEqual(holders);
});

describe("what the stream reports", () => {
  const beside = { ...CARD, uuid: "GPU-2" };
  const other = host("b", { gpus: [{ ...CARD, uuid: "GPU-9" }] });
  const map = {
    at: "",
    totals: {} as never,
    hosts: [host("a", { gpus: [CARD, beside] }), other],
    next_cursor: null,
    previous_cursor: null,
    hosts_found: 2,
    hosts_before: 0,
    gpus_found: null,
    groups: [],
    label_keys: [],
  };
  const reported = (percent: number, at: string) =>
    samplesOf({ columns: ["uuid", "utilization_percent", "sampled_at"], rows: [["GPU-1", percent, at]] });

  test("changes its cards alone, and neither another card nor another host", () => {
    const at = "2026-01-01T00:00:05.000Z";

    const after = withSamples(map, reported(55, at));

    expect(after.hosts[0]?.gpus[0]).toEqual({ ...CARD, utilization_percent: 55, sampled_at: at });
    expect(after.hosts[0]?.gpus[1]).toBe(beside);
    expect(after.hosts[1]).toBe(other);
  });

  test.each(["2025-12-31T23:59:20.000Z", "2026-01-01T00:00:00.000Z"])(
    "of a sample at %s makes no card older than the answer has it",
    (at) => {
      expect(withSamples(map, reported(55, at)).hosts[0]?.gpus[0]).toBe(CARD);
    },
  );

  test("is a card's first sample where the answer has none", () => {
    const at = "2025-12-31T23:59:20.000Z";
    const unheard = { ...map, hosts: [host("a", { gpus: [{ ...CARD, sampled_at: null }] })] };

    expect(withSamples(unheard, reported(55, at)).hosts[0]?.gpus[0]?.sampled_at).toBe(at);
  });
});

test.each([
  { hosts_up: 0, hosts_suspect: 2, is: true },
  { hosts_up: 1, hosts_suspect: 2, is: false },
  { hosts_up: 0, hosts_suspect: 0, is: false },
])("of $hosts_up hosts up and $hosts_suspect suspect nobody is heard: $is", ({ is, ...totals }) => {
  expect(hearsNobody(totals)).toBe(is);
});
