/**
 * The agent's metrics: what there is, with which labels. Where the values come from is in agent-samples.ts and
 * gpu-samples.ts; the page of metrics, the board and the endpoint are made from this table.
 */
import type { CollectedMetrics } from "@remotegpu/shared/metrics/collected-metrics";
import type { MetricFamily } from "@remotegpu/shared/metrics/metric-family";

/** With the one that has no bound eight each. */
export const LOOP_BUCKETS = [0.01, 0.03, 0.1, 0.3, 1, 3, 10] as const;
export const CALL_BUCKETS = [0.01, 0.05, 0.2, 1, 5, 20, 60] as const;

const gauge = <const Name extends string>(name: Name, help: string, labels: readonly string[] = []) =>
  ({ name, type: "gauge", help, labels }) as const satisfies MetricFamily;
const counter = <const Name extends string>(name: Name, help: string, labels: readonly string[]) =>
  ({ name, type: "counter", help, labels }) as const satisfies MetricFamily;

const PROCESS = [
  gauge(
    "agent_build_info",
    "Always 1. The labels name the agent's version, the hash of the bundle that it runs from (unknown outside of one), its Node, and the protocols that it speaks.",
    ["version", "commit", "node", "protocol_min", "protocol_max"],
  ),
  gauge("agent_start_time_seconds", "When the agent's process started, as Unix time."),
  {
    name: "agent_loop_duration_seconds",
    type: "histogram",
    help: "How long the rounds of the agent's loop took.",
    labels: [],
    buckets: LOOP_BUCKETS,
  },
] as const satisfies readonly MetricFamily[];

const LINK = [
  gauge("agent_link_connected", "1 while the agent is connected to NATS, else 0."),
  gauge(
    "agent_clock_offset_seconds",
    "How far the host's clock is ahead of the control plane's, by the latest heartbeat; absent before the first.",
  ),
  gauge("agent_credential_expiry_timestamp_seconds", "When the host's credential expires, as Unix time."),
] as const satisfies readonly MetricFamily[];

const JOURNAL = [
  gauge("agent_journal_head_seq", "The number of the last usage row in the journal."),
  gauge("agent_journal_confirmed_seq", "The number of the last usage row that the control plane confirmed."),
  gauge("agent_outbox_rows", "Usage rows that the control plane has not confirmed yet."),
  gauge(
    "agent_outbox_oldest_age_seconds",
    "How old the oldest unconfirmed usage row is, by the host's clock; 0 while there is none.",
  ),
  gauge("agent_journal_size_bytes", "Size of the journal's file and its write-ahead log."),
  counter(
    "agent_journal_errors_total",
    "Failures of the journal since the agent started: writes that failed, parts found damaged, files replaced.",
    ["kind"],
  ),
] as const satisfies readonly MetricFamily[];

const RUNTIME = [
  {
    name: "agent_runtime_call_duration_seconds",
    type: "histogram",
    help: "How long calls of the container runtime took, failed ones included.",
    labels: ["call"],
    buckets: CALL_BUCKETS,
  },
  counter(
    "agent_runtime_call_timeouts_total",
    "Calls of the container runtime that were given up at their deadline.",
    ["call"],
  ),
  counter(
    "agent_actions_total",
    "Actions of the agent by how they ended. A start is refused for an obstacle of this host or an outdated order, and counted again with each retry.",
    ["kind", "result"],
  ),
  gauge(
    "agent_containers",
    "Containers of the instances that are ordered here; orphaned ones are not counted.",
    ["kind", "state"],
  ),
  gauge(
    "agent_port_leases",
    "Numbers of the range of leased ports: leased, released less than ten minutes ago, and free. Absent while the access process does not report them.",
    ["state"],
  ),
  gauge(
    "agent_disk_free_bytes",
    "Free bytes of the disks that hold the journal, the container runtime's data, and the files of the storage pool.",
    ["area"],
  ),
] as const satisfies readonly MetricFamily[];

/** A reading that a GPU lacks has no series. */
const gpuGauge = <const Name extends string>(name: Name, help: string, labels: readonly string[] = ["gpu"]) =>
  gauge(name, help, labels);

const GPU_READINGS = [
  gpuGauge("gpu_info", "Always 1. The labels name the GPU; gpu is its UUID.", [
    "gpu",
    "index",
    "model",
    "driver",
    "simulated",
  ]),
  gpuGauge(
    "gpu_utilization_ratio",
    "Utilization as nvidia-smi reports it, from 0 to 1: the share of time in which any kernel ran, not how much of the GPU was used.",
  ),
  gpuGauge("gpu_memory_used_bytes", "Memory in use on the GPU, by whomever."),
  gpuGauge("gpu_memory_total_bytes", "Memory of the GPU."),
  gpuGauge("gpu_temperature_celsius", "Temperature of the GPU."),
  gpuGauge("gpu_power_watts", "Power that the GPU draws."),
  gpuGauge("gpu_power_limit_watts", "Power limit in force."),
  gpuGauge("gpu_sm_clock_hertz", "Clock of the streaming multiprocessors."),
  counter(
    "gpu_ecc_errors_total",
    "Memory errors that ECC found since the driver was loaded; severity is corrected or uncorrected.",
    ["gpu", "severity"],
  ),
  counter(
    "gpu_xid_errors_total",
    "Xid errors in the kernel log that this agent read since it started; numbers of no particular meaning here are counted as other.",
    ["gpu", "xid"],
  ),
] as const satisfies readonly MetricFamily[];

const GPU_SERVICE = [
  gpuGauge(
    "gpu_health_state",
    "1 for the state that the GPU is in. noted: in service with a warning; drain: takes nothing new; cordoned: failed what held it; missing: no longer listed. A closed GPU has a further series named by its cause where that is requires-reset, lost or mig.",
    ["gpu", "state"],
  ),
  gpuGauge(
    "gpu_allocated",
    "1 while a container of an instance of this kind holds the GPU or a part of it, else 0.",
    ["gpu", "kind"],
  ),
  gpuGauge(
    "gpu_unattributed_memory_bytes",
    "Memory in use that no process of our containers accounts for; absent where that is not known.",
  ),
  gauge(
    "gpu_probe_age_seconds",
    "How long ago the GPUs were last read successfully; absent on a host without GPUs.",
  ),
  gpuGauge(
    "gpu_holder_info",
    "Always 1. Which instances hold the GPU; off unless REMOTEGPU_METRICS_HOLDERS is 1, since its series churn.",
    ["gpu", "instance"],
  ),
] as const satisfies readonly MetricFamily[];

const TABLE = [...PROCESS, ...LINK, ...JOURNAL, ...RUNTIME, ...GPU_READINGS, ...GPU_SERVICE] as const;

/** Without the prefix. */
export type AgentMetric = (typeof TABLE)[number]["name"];

/** The values of one scrape. */
export type AgentSamples = CollectedMetrics<AgentMetric>;

type AgentFamily = MetricFamily & { readonly name: AgentMetric };

export const AGENT_FAMILIES: readonly AgentFamily[] = TABLE;
