/** One GPU, which the variable names. */
import { graph, type Panel, type Query, type Row, series } from "./panel.ts";

const ofGpu = { host: "$host", gpu: "$gpu" };

type Reading = { name: string; legend: string };

const queryOf = ({ name, legend }: Reading): Query => ({ expr: series(name, ofGpu), legend });

const reading = (title: string, unit: Panel["unit"], first: Reading, ...others: Reading[]): Panel =>
  graph(title, unit, queryOf(first), ...others.map(queryOf));

export const GPU_ROW: Row = {
  title: "One GPU",
  panels: [
    {
      ...reading("Utilization", "percentunit", { name: "gpu_utilization_ratio", legend: "{{gpu}}" }),
      description: "As nvidia-smi has it: the share of time in which any kernel ran.",
    },
    reading(
      "Memory",
      "bytes",
      { name: "gpu_memory_used_bytes", legend: "used" },
      { name: "gpu_memory_total_bytes", legend: "total" },
      { name: "gpu_unattributed_memory_bytes", legend: "of no workload" },
    ),
    reading("Temperature", "celsius", { name: "gpu_temperature_celsius", legend: "{{gpu}}" }),
    reading(
      "Power",
      "watt",
      { name: "gpu_power_watts", legend: "drawn" },
      { name: "gpu_power_limit_watts", legend: "limit" },
    ),
    reading("Clock", "hertz", { name: "gpu_sm_clock_hertz", legend: "{{gpu}}" }),
    graph("Health", "none", {
      expr: `max by (state) (${series("gpu_health_state", ofGpu)})`,
      legend: "{{state}}",
    }),
    graph("Held by", "none", {
      expr: `max by (kind) (${series("gpu_allocated", ofGpu)})`,
      legend: "{{kind}}",
    }),
    graph("Memory errors in an hour", "none", {
      expr: `sum by (severity) (increase(${series("gpu_ecc_errors_total", ofGpu)}[1h]))`,
      legend: "{{severity}}",
    }),
    graph("Xid errors in an hour", "none", {
      expr: `sum by (xid) (increase(${series("gpu_xid_errors_total", ofGpu)}[1h]))`,
      legend: "{{xid}}",
    }),
    graph("Age of the readings", "s", {
      expr: `max by (host) (${series("gpu_probe_age_seconds", { host: "$host" })})`,
      legend: "{{host}}",
    }),
  ],
};
