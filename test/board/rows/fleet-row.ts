/** Hosts, their GPUs, and what runs on them. */
import { graph, type Row, series, stat } from "./panel.ts";

/** Every server has the whole fleet, so the largest of their figures counts, and not their sum. */
export const FLEET_ROW: Row = {
  title: "Fleet",
  panels: [
    stat("Hosts", "none", {
      expr: `max by (connection) (${series("hosts")})`,
      legend: "{{connection}}",
    }),
    stat(
      "GPUs",
      "none",
      { expr: `max(${series("gpus")})`, legend: "all" },
      { expr: `max(${series("gpus_free")})`, legend: "free" },
    ),
    stat(
      "Needs attention",
      "none",
      { expr: `max(${series("alarms_open")})`, legend: "open alarms" },
      { expr: `max(${series("hosts_cordoned")})`, legend: "cordoned hosts" },
    ),
    graph("Age of the last heartbeat", "s", {
      expr: `min by (host) (${series("host_heartbeat_age_seconds", { host: "$host" })})`,
      legend: "{{host}}",
    }),
    graph("GPUs by state", "none", {
      expr: `sum by (state) (max by (model, state) (${series("gpus_by_state", { model: "$model" })}))`,
      legend: "{{state}}",
    }),
    graph("GPUs by health", "none", {
      expr: `sum by (state) (${series("gpu_health_state", { host: "$host" })})`,
      legend: "{{state}}",
    }),
    graph("Environments by status", "none", {
      expr: `max by (status) (${series("environments")})`,
      legend: "{{status}}",
    }),
    graph("Running containers", "none", {
      expr: `sum by (kind) (${series("agent_containers", { host: "$host", state: "running" })})`,
      legend: "{{kind}}",
    }),
    graph("Leased ports", "none", {
      expr: `sum by (state) (${series("agent_port_leases", { host: "$host", state: "~active|cooling" })})`,
      legend: "{{state}}",
    }),
    graph("Free disk", "bytes", {
      expr: `min by (host, area) (${series("agent_disk_free_bytes", { host: "$host" })})`,
      legend: "{{host}} {{area}}",
    }),
    graph("Connection to NATS", "none", {
      expr: `min by (host) (${series("agent_link_connected", { host: "$host" })})`,
      legend: "{{host}}",
    }),
    graph("Clock's offset", "s", {
      expr: `max by (host) (${series("agent_clock_offset_seconds", { host: "$host" })})`,
      legend: "{{host}}",
    }),
    graph("Releases that agents are behind", "none", {
      expr: `max by (host) (${series("host_agent_skew_versions", { host: "$host" })})`,
      legend: "{{host}}",
    }),
    graph("Upgrades of agents in an hour", "none", {
      expr: `sum by (result) (increase(${series("upgrades_total")}[1h]))`,
      legend: "{{result}}",
    }),
    graph("Versions of agents", "none", {
      expr: `count by (version) (${series("agent_build_info", { host: "$host" })})`,
      legend: "{{version}}",
    }),
  ],
};
