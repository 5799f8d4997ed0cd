/** Orders that wait, and how long starts take. */
import { graph, rateOf, type Row, series, slowestTwentieth } from "./panel.ts";

export const QUEUE_ROW: Row = {
  title: "Queue and starts",
  panels: [
    graph("Waiting orders", "none", {
      expr: `sum by (reason) (max by (kind, reason) (${series("queue_orders")}))`,
      legend: "{{reason}}",
    }),
    graph("Oldest waiting order", "s", {
      expr: `max by (kind) (${series("queue_oldest_age_seconds")})`,
      legend: "{{kind}}",
    }),
    graph("Placements by result", "cpm", {
      expr: `60 * sum by (result) (${rateOf(series("placements_total"))})`,
      legend: "{{result}}",
    }),
    graph("From order to placement, 95th percentile", "s", {
      expr: slowestTwentieth("placement_duration_seconds", { by: "kind" }),
      legend: "{{kind}}",
    }),
    graph("Phases of environments' starts, 95th percentile", "s", {
      expr: slowestTwentieth("environment_start_duration_seconds", { by: "phase" }),
      legend: "{{phase}}",
    }),
    graph("Actions of agents", "cpm", {
      expr: `60 * sum by (kind, result) (${rateOf(series("agent_actions_total", { host: "$host" }))})`,
      legend: "{{kind}} {{result}}",
    }),
    graph("Calls of the container runtime, 95th percentile", "s", {
      expr: slowestTwentieth("agent_runtime_call_duration_seconds", {
        by: "call",
        matchers: { host: "$host" },
      }),
      legend: "{{call}}",
    }),
    graph("Calls of the container runtime that timed out", "cpm", {
      expr: `60 * sum by (call) (${rateOf(series("agent_runtime_call_timeouts_total", { host: "$host" }))})`,
      legend: "{{call}}",
    }),
    graph("Round of the agent's loop, 95th percentile", "s", {
      expr: slowestTwentieth("agent_loop_duration_seconds", { by: "host", matchers: { host: "$host" } }),
      legend: "{{host}}",
    }),
  ],
};
