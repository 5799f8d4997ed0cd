/** The servers, and what they stand on. */
import { graph, rateOf, type Row, series, slowestTwentieth, stat } from "./panel.ts";

export const CONTROL_PLANE_ROW: Row = {
  title: "Control plane",
  panels: [
    graph("Leader", "none", {
      expr: `max by (instance) (${series("control_plane_is_leader")})`,
      legend: "{{instance}}",
    }),
    stat("Term", "none", { expr: `max(${series("control_plane_term")})`, legend: "term" }),
    stat("Versions of servers", "none", {
      expr: `count by (version) (${series("control_plane_build_info")})`,
      legend: "{{version}}",
    }),
    graph("Requests by class of status", "reqps", {
      expr: `sum by (status_class) (${rateOf(series("http_request_duration_seconds_count"))})`,
      legend: "{{status_class}}",
    }),
    graph("Errors by route", "reqps", {
      expr: `sum by (route) (${rateOf(series("http_requests_total", { status: "~5.." }))})`,
      legend: "{{route}}",
    }),
    graph("Slowest routes, 95th percentile", "s", {
      expr: `topk(10, ${slowestTwentieth("http_request_duration_seconds", { by: "method, route" })})`,
      legend: "{{method}} {{route}}",
    }),
    graph("Time spent answering, mean", "s", {
      expr: `sum(${rateOf(series("http_request_seconds_sum"))}) / sum(${rateOf(series("http_request_seconds_count"))})`,
      legend: "mean",
    }),
    graph("Connections to Postgres", "none", {
      expr: `sum by (state) (${series("db_pool_connections")})`,
      legend: "{{state}}",
    }),
    graph("Queries of Postgres, 95th percentile", "s", {
      expr: slowestTwentieth("db_query_duration_seconds", { by: "scope" }),
      legend: "{{scope}}",
    }),
    graph("Lag of Postgres' standby", "s", {
      expr: `max(${series("db_replication_lag_seconds")})`,
      legend: "lag",
    }),
    graph("Connection to NATS", "none", {
      expr: `min by (instance) (${series("nats_connected")})`,
      legend: "{{instance}}",
    }),
    graph("Clients of event streams", "none", {
      expr: `sum(${series("event_stream_clients")})`,
      legend: "clients",
    }),
    graph("Webhooks", "cpm", {
      expr: `60 * sum by (result) (${rateOf(series("webhook_deliveries_total"))})`,
      legend: "{{result}}",
    }),
    graph("Requests through the gateway", "reqps", {
      expr: `sum by (status_class) (${rateOf(series("gateway_requests_total"))})`,
      legend: "{{status_class}}",
    }),
  ],
};
