/** What of the agent becomes which sample. */
import { ActionCounts } from "@remotegpu/agent/core/metrics/action-counts";
import { addAgentSamples, type AgentReadings } from "@remotegpu/agent/core/metrics/agent-samples";
import { AGENT_FAMILIES, type AgentMetric, type AgentSamples } from "@remotegpu/agent/core/metrics/families";
import { CollectedMetrics } from "@remotegpu/shared/metrics/collected-metrics";
import { describe, expect, test } from "vitest";

const READINGS: AgentReadings = {
  build: { version: "1.2.3", commit: "0123456789ab", node: "v24", protocol: { min: 1, max: 2 } },
  startedAtMs: 1_000,
  wallMs: 60_000,
  link: { isConnected: true, clockAheadMs: -1_500, credentialExpiresAtMs: 90_000 },
  journal: {
    headSeq: 12,
    confirmedSeq: 10,
    oldestUnconfirmedMs: 50_000,
    sizeBytes: 4_096,
    errors: new Map([["io", 3]]),
  },
  actions: new ActionCounts(),
  callTimeouts: new Map([["list", 2]]),
  containers: [
    { kind: "environment", state: "running" },
    { kind: "environment", state: "running" },
    { kind: "training", state: "left-behind" },
  ],
  ports: { active: 3, cooling: 1, free: 9_996 },
  diskFreeBytes: new Map([["journal", 5]]),
};

function samplesOf(changes: Partial<AgentReadings> = {}): AgentSamples {
  const samples = new CollectedMetrics<AgentMetric>();
  addAgentSamples(samples, { ...READINGS, ...changes });
  return samples;
}

test("each sample has the labels of its family", () => {
  const samples = samplesOf();
  const wrong = AGENT_FAMILIES.filter((family) =>
    samples
      .samplesOf(family.name)
      .some(({ labels }) => Object.keys(labels).toSorted().join() !== family.labels.toSorted().join()),
  );

  expect(wrong).toEqual([]);
});

test.each([
  ["agent_start_time_seconds", 1],
  ["agent_link_connected", 1],
  ["agent_clock_offset_seconds", -1.5],
  ["agent_credential_expiry_timestamp_seconds", 90],
  ["agent_journal_head_seq", 12],
  ["agent_journal_confirmed_seq", 10],
  ["agent_outbox_rows", 2],
  ["agent_outbox_oldest_age_seconds", 10],
  ["agent_journal_size_bytes", 4_096],
] as const)("%s is %d", (family, value) => {
  expect(samplesOf().samplesOf(family)).toEqual([{ labels: {}, value }]);
});

describe("the outbox", () => {
  const journal = (changes: Partial<AgentReadings["journal"]>) =>
    samplesOf({ journal: { ...READINGS.journal, ...changes } });

  test("that is empty has no rows, and none that is old", () => {
    const samples = journal({ confirmedSeq: 12, oldestUnconfirmedMs: null });

    expect(samples.samplesOf("agent_outbox_rows")[0]?.value).toBe(0);
    expect(samples.samplesOf("agent_outbox_oldest_age_seconds")[0]?.value).toBe(0);
  });

  test("whose oldest row does not name a time has no age", () => {
    expect(journal({ oldestUnconfirmedMs: null }).samplesOf("agent_outbox_oldest_age_seconds")).toEqual([]);
  });

  test("is never younger than nothing, whatever the wall clock did", () => {
    const samples = journal({ oldestUnconfirmedMs: READINGS.wallMs + 1 });

    expect(samples.samplesOf("agent_outbox_oldest_age_seconds")[0]?.value).toBe(0);
  });
});

test("containers are counted by kind and state, none of them as 0", () => {
  const counted = samplesOf().samplesOf("agent_containers");

  expect(counted).toHaveLength(15);
  expect(counted.filter(({ value }) => value > 0)).toEqual([
    { labels: { kind: "environment", state: "running" }, value: 2 },
    { labels: { kind: "training", state: "left-behind" }, value: 1 },
  ]);
});

test("what is not known has no series", () => {
  const link = { isConnected: false, clockAheadMs: null, credentialExpiresAtMs: null };
  const samples = samplesOf({ link, ports: null, diskFreeBytes: new Map() });

  expect(samples.has("agent_link_connected")).toBe(true);
  const absent = [
    "agent_clock_offset_seconds",
    "agent_credential_expiry_timestamp_seconds",
    "agent_port_leases",
    "agent_disk_free_bytes",
  ] as const;
  expect(absent.filter((family) => samples.has(family))).toEqual([]);
});
