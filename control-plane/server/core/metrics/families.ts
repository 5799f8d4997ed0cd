/**
 * The families of metrics that the control plane serves at /metrics, each with its labels. Whatever is served, and the page
 * that lists it, is made from this table; where the values come from stands in http/metrics/.
 */
import type { CollectedMetrics } from "@remotegpu/shared/metrics/collected-metrics";
import type { MetricFamily } from "@remotegpu/shared/metrics/metric-family";

/** What only the process that leads serves, so that several servers do not count one fleet several times. */
const BY_LEADER = "From the server that leads alone.";
const FOR_GRAPHS = "Approximate, for graphs: no bill is made from it.";

const PROCESS = [
  {
    name: "control_plane_build_info",
    type: "gauge",
    help: "Version of this server; the value is always 1.",
    labels: ["version"],
  },
  {
    name: "control_plane_is_leader",
    type: "gauge",
    help: "1 in the server that leads, 0 in the others.",
    labels: [],
  },
  {
    name: "control_plane_term",
    type: "gauge",
    help: "The term of leadership that the database has; it rises with each new leader.",
    labels: [],
  },
  {
    name: "http_requests_total",
    type: "counter",
    help: "Requests answered by this process, by the pattern of the route.",
    labels: ["method", "route", "status"],
  },
  {
    name: "http_request_duration_seconds",
    type: "histogram",
    help: "Time from a request to its answer, by the pattern of the route.",
    labels: ["method", "route", "status_class"],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
  },
  {
    name: "http_request_seconds",
    type: "summary",
    help: "Time spent answering, of all requests together.",
    labels: [],
  },
  {
    name: "event_stream_clients",
    type: "gauge",
    help: "Clients that read this server's event stream now.",
    labels: [],
  },
] as const satisfies readonly MetricFamily[];

const FLEET = [
  { name: "hosts", type: "gauge", help: "Hosts by connection.", labels: ["connection"] },
  { name: "hosts_cordoned", type: "gauge", help: "Hosts that are cordoned.", labels: [] },
  {
    name: "host_heartbeat_age_seconds",
    type: "gauge",
    help: `Time since the last heartbeat of a host that has connected before. ${BY_LEADER}`,
    labels: ["host"],
  },
  {
    name: "host_agent_skew_versions",
    type: "gauge",
    help: `Releases that a host's agent is behind this control plane; negative where it is ahead. ${BY_LEADER}`,
    labels: ["host"],
  },
  {
    name: "upgrades_total",
    type: "counter",
    help: `Upgrades of hosts' agents that ended, by what came of them, as hosts reported it. ${BY_LEADER}`,
    labels: ["result"],
  },
  {
    name: "host_journal_lag_rows",
    type: "gauge",
    help: `Rows of a host's journals that the host has reported and that are not ingested. ${BY_LEADER}`,
    labels: ["host"],
  },
  {
    name: "gpus_by_state",
    type: "gauge",
    help: "GPUs by model and state: missing (not reported any more), held, free (an order could take it now), cordoned (closed to orders, whatever the cause).",
    labels: ["model", "state"],
  },
  { name: "gpus", type: "gauge", help: "GPUs of the fleet.", labels: [] },
  { name: "gpus_free", type: "gauge", help: "GPUs that an order could take now.", labels: [] },
  { name: "environments", type: "gauge", help: "Environments by status.", labels: ["status"] },
  { name: "alarms_open", type: "gauge", help: "Alarms that nobody cleared.", labels: [] },
] as const satisfies readonly MetricFamily[];

const QUEUE = [
  { name: "orders_queued", type: "gauge", help: "Orders that wait for a place.", labels: [] },
  {
    name: "queue_orders",
    type: "gauge",
    help: "Orders that wait for a place, by the kind of workload and why they wait.",
    labels: ["kind", "reason"],
  },
  {
    name: "queue_oldest_age_seconds",
    type: "gauge",
    help: "Time for which the oldest order of this kind has waited; 0 while none waits.",
    labels: ["kind"],
  },
  {
    name: "placements_total",
    type: "counter",
    help: "Placements that this server's scheduler tried to commit, by what came of it.",
    labels: ["kind", "result"],
  },
  {
    name: "placement_duration_seconds",
    type: "histogram",
    help: "Time from an order to the commit of its placement by this server.",
    labels: ["kind"],
    buckets: [1, 5, 15, 60, 300, 1_800, 7_200],
  },
  {
    name: "environment_start_duration_seconds",
    type: "histogram",
    help: `Time of each phase of an environment's start: queue, pull (where its image was fetched), create, ready. ${BY_LEADER}`,
    labels: ["phase"],
    buckets: [0.5, 1, 2, 5, 10, 30, 60, 120, 600],
  },
] as const satisfies readonly MetricFamily[];

const MONEY = [
  {
    name: "usage_ingested_rows_total",
    type: "counter",
    help: "Rows of hosts' journals that this server decided, those refused included.",
    labels: [],
  },
  {
    name: "usage_rejected_rows_total",
    type: "counter",
    help: `Rows of hosts' journals that were refused, by why. ${BY_LEADER}`,
    labels: ["reason"],
  },
  { name: "usage_rows_pending", type: "gauge", help: "Journal rows that are not decided yet.", labels: [] },
  {
    name: "usage_unrated_oldest_age_seconds",
    type: "gauge",
    help: "Time for which the oldest usage has been due and not rated: of a run that ended, that has no price, or of an hour that has passed.",
    labels: [],
  },
  {
    name: "ledger_imbalance",
    type: "gauge",
    help: "Sum of all ledger entries; anything but 0 is wrong.",
    labels: [],
  },
  {
    name: "customers_unbalanced",
    type: "gauge",
    help: "Customers whose balance is not the sum of their ledger entries.",
    labels: [],
  },
  {
    name: "charges_points_total",
    type: "counter",
    help: `Points charged, by the line of the bill. ${FOR_GRAPHS} ${BY_LEADER}`,
    labels: ["line"],
  },
  {
    name: "credited_points_total",
    type: "counter",
    help: `Points that accounts gained, by cause. ${FOR_GRAPHS} ${BY_LEADER}`,
    labels: ["cause"],
  },
  {
    name: "accounts",
    type: "gauge",
    help: "Accounts by whether they are overdue.",
    labels: ["overdue_status"],
  },
] as const satisfies readonly MetricFamily[];

const CONNECTIONS = [
  {
    name: "db_pool_connections",
    type: "gauge",
    help: "Connections of this process to Postgres, active and idle, and requests that wait for one.",
    labels: ["state"],
  },
  {
    name: "db_query_duration_seconds",
    type: "histogram",
    help: "Time of single statements and of whole transactions, the wait for a connection included.",
    labels: ["scope"],
    buckets: [0.001, 0.005, 0.01, 0.025, 0.1, 0.5, 2, 10],
  },
  {
    name: "db_replication_lag_seconds",
    type: "gauge",
    help: "How far the slowest standby of Postgres is behind in applying; absent without a standby, or the right to see it.",
    labels: [],
  },
  {
    name: "backup_age_seconds",
    type: "gauge",
    help: "Time since the last backup that the backup command made; where it made none, since the schema was.",
    labels: [],
  },
  {
    name: "jetstream_pending_messages",
    type: "gauge",
    help: "Messages of the journal stream that were not delivered to any server yet.",
    labels: [],
  },
  {
    name: "jetstream_ack_pending_messages",
    type: "gauge",
    help: "Messages of the journal stream that were delivered and are not acknowledged.",
    labels: [],
  },
  {
    name: "jetstream_replica_lag_messages",
    type: "gauge",
    help: "How far each follower of the journal stream is behind its leader; absent where NATS is one server.",
    labels: ["replica"],
  },
  {
    name: "nats_connected",
    type: "gauge",
    help: "1 while this server has its connection to NATS.",
    labels: [],
  },
  {
    name: "webhook_deliveries_total",
    type: "counter",
    help: "Messages that this server tried to deliver to webhooks, by what came of it.",
    labels: ["result"],
  },
  {
    name: "gateway_requests_total",
    type: "counter",
    help: "Requests that the gateway in this process answered, a WebSocket as 1xx once it is open.",
    labels: ["status_class"],
  },
] as const satisfies readonly MetricFamily[];

const TABLE = [...PROCESS, ...FLEET, ...QUEUE, ...MONEY, ...CONNECTIONS] as const;

/** Without the prefix. */
export type ControlPlaneMetric = (typeof TABLE)[number]["name"];

/** The values of one scrape. */
export type ServerSamples = CollectedMetrics<ControlPlaneMetric>;

export type ControlPlaneFamily = MetricFamily & { readonly name: ControlPlaneMetric };

export const CONTROL_PLANE_FAMILIES: readonly ControlPlaneFamily[] = TABLE;
