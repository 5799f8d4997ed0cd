/** What of the host's GPUs becomes which sample. */
import { afterSample } from "@remotegpu/agent/core/gpus/gpu-health";
import { AGENT_FAMILIES, type AgentMetric, type AgentSamples } from "@remotegpu/agent/core/metrics/families";
import { addGpuSamples, type GpuMetricReadings } from "@remotegpu/agent/core/metrics/gpu-samples";
import { CollectedMetrics } from "@remotegpu/shared/metrics/collected-metrics";
import { XidCounts } from "@remotegpu/agent/core/metrics/xid-counts";
import type { GpuReport } from "@remotegpu/shared/messages/host-report";
import type { GpuUuid } from "@remotegpu/shared/values/ids";
import { MIB } from "@remotegpu/shared/values/units";
import { expect, test } from "vitest";
import { aGpuReport, CARD_A, CARD_B } from "../../../../support/samples/reports/gpu-reports.ts";
import { instanceId } from "../../../../support/samples/run-samples.ts";

const A = CARD_A as GpuUuid;
const B = CARD_B as GpuUuid;
const cardsOf = (...samples: GpuReport[][]): GpuMetricReadings["cards"] =>
  samples.reduce<GpuMetricReadings["cards"]>(
    (cards, gpus, index) => afterSample(cards, { gpus, held: new Set(), nowMs: index * 10_000 }),
    new Map(),
  );

function samplesOf(changes: Partial<GpuMetricReadings> = {}): AgentSamples {
  const samples = new CollectedMetrics<AgentMetric>();
  const gpus = [aGpuReport({ health: "healthy", foreignMemoryMib: 40 })];
  addGpuSamples(samples, {
    gpus,
    cards: cardsOf(gpus),
    measurements: new Map([[A, { smClockMhz: 1_410, eccCorrected: 7 }]]),
    xids: new XidCounts(),
    holders: [],
    namesHolders: false,
    probeAgeMs: 2_500,
    ...changes,
  });
  return samples;
}

test("each sample has the labels of its family", () => {
  const holders = [{ gpu: A, instanceId: instanceId("env-a"), kind: "environment" as const }];
  const samples = samplesOf({ holders, namesHolders: true });
  const wrong = AGENT_FAMILIES.filter((family) =>
    samples
      .samplesOf(family.name)
      .some(({ labels }) => Object.keys(labels).toSorted().join() !== family.labels.toSorted().join()),
  );

  expect(wrong).toEqual([]);
});

test.each([
  ["gpu_utilization_ratio", 0.03],
  ["gpu_memory_used_bytes", 100 * MIB],
  ["gpu_memory_total_bytes", 24_576 * MIB],
  ["gpu_temperature_celsius", 50],
  ["gpu_power_watts", 40],
  ["gpu_power_limit_watts", 250],
  ["gpu_sm_clock_hertz", 1_410_000_000],
  ["gpu_unattributed_memory_bytes", 40 * MIB],
] as const)("%s is %d", (family, value) => {
  expect(samplesOf().samplesOf(family)).toEqual([{ labels: { gpu: A }, value }]);
});

test("ECC errors are counted by their severity", () => {
  expect(samplesOf().samplesOf("gpu_ecc_errors_total")).toEqual([
    { labels: { gpu: A, severity: "corrected" }, value: 7 },
    { labels: { gpu: A, severity: "uncorrected" }, value: 0 },
  ]);
});

test("a reading that the GPU lacks has no series", () => {
  const gpus = [aGpuReport({ powerW: null, utilizationPercent: null, eccUncorrected: null })];
  const samples = samplesOf({ gpus, measurements: new Map() });

  const absent = [
    "gpu_power_watts",
    "gpu_utilization_ratio",
    "gpu_ecc_errors_total",
    "gpu_sm_clock_hertz",
    "gpu_unattributed_memory_bytes",
  ] as const;
  expect(absent.filter((family) => samples.has(family))).toEqual([]);
});

test("a GPU is in one state, and one that is no longer listed is missing", () => {
  const listed = [aGpuReport({ health: "healthy" })];
  const cards = cardsOf([...listed, aGpuReport({ uuid: B, index: 1 })], listed);
  const states = samplesOf({ gpus: listed, cards })
    .samplesOf("gpu_health_state")
    .filter(({ value }) => value === 1);

  expect(states.map(({ labels }) => labels)).toEqual([
    { gpu: A, state: "healthy" },
    { gpu: B, state: "missing" },
  ]);
});

test("a closed GPU has one more series by its cause", () => {
  const gpus = [aGpuReport({ health: "unhealthy", reasonCode: "mig-enabled" })];
  const states = samplesOf({ gpus }).samplesOf("gpu_health_state");

  expect(states).toHaveLength(6);
  expect(states.at(-1)).toEqual({ labels: { gpu: A, state: "mig" }, value: 1 });
});

test("a GPU is allocated by the kinds that hold it, and names them only if that is on", () => {
  const holders = [
    { gpu: A, instanceId: instanceId("env-a"), kind: "inference" as const },
    { gpu: A, instanceId: instanceId("env-b"), kind: "inference" as const },
    { gpu: A, instanceId: instanceId("env-c"), kind: null },
  ];
  const quiet = samplesOf({ holders });
  const naming = samplesOf({ holders, namesHolders: true });

  expect(quiet.samplesOf("gpu_allocated").map(({ labels, value }) => [labels["kind"], value])).toEqual([
    ["environment", 0],
    ["training", 0],
    ["inference", 1],
  ]);
  expect(quiet.samplesOf("gpu_holder_info")).toEqual([]);
  expect(naming.samplesOf("gpu_holder_info").map(({ labels }) => labels["instance"])).toEqual([
    "env-a",
    "env-b",
    "env-c",
  ]);
});

test("the age of the last answer is there once there was one, on a host with GPUs", () => {
  expect(samplesOf().samplesOf("gpu_probe_age_seconds")).toEqual([{ labels: {}, value: 2.5 }]);
  expect(samplesOf({ probeAgeMs: null }).samplesOf("gpu_probe_age_seconds")).toEqual([]);
  const none = samplesOf({ gpus: [], cards: new Map() });
  expect(AGENT_FAMILIES.filter(({ name }) => none.has(name))).toEqual([]);
});
