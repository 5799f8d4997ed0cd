/** The families that are read of the database, and of NATS: made from what the statements of the store answer. */
import type { MetricSample } from "@remotegpu/shared/metrics/metric-family";
import { ENVIRONMENT_STATUSES, WORKLOAD_KINDS } from "@remotegpu/shared/values/workload";
import type { JournalBacklog } from "../../core/ingest/journal-stream.ts";
import { boundedLabel } from "../../core/metrics/bounded-label.ts";
import { GPU_STATES, WAITING_REASONS, waitingReasonOf } from "../../core/metrics/label-values.ts";
import type { Database } from "../../store/database/database.ts";
import { type FleetNumbers, fleetNumbers } from "../../store/fleet/fleet.ts";
import {
  accountsByStatus,
  type Counted,
  environmentsByStatus,
  gpusByState,
  type HostReading,
  hostReadings,
  hostsByConnection,
  type ModelStates,
  type WaitingOrders,
  waitingOrders,
} from "../../store/overview/metrics/fleet-readings.ts";
import { type ServerReadings, serverReadings } from "../../store/overview/metrics/server-readings.ts";
import type { CollectedMetrics } from "./collected-metrics.ts";

const MAX_MODELS = 30;
const CONNECTIONS = ["never", "connected", "suspect", "unreachable"];
const OVERDUE_STATUSES = ["normal", "overdue", "suspended"];

export interface FleetReadings {
  readonly numbers: FleetNumbers;
  readonly server: ServerReadings;
  readonly connections: readonly Counted[];
  readonly environments: readonly Counted[];
  readonly accounts: readonly Counted[];
  readonly models: readonly ModelStates[];
  readonly waiting: readonly WaitingOrders[];
  /** None where this server does not lead. */
  readonly hosts: readonly HostReading[];
}

/** @throws StoreError */
export async function readFleet(
  db: Database,
  { now, isLeader }: { now: Date; isLeader: boolean },
): Promise<FleetReadings> {
  const [numbers, server, connections, environments, accounts, models, waiting, hosts] = await Promise.all([
    fleetNumbers(db),
    serverReadings(db, now),
    hostsByConnection(db),
    environmentsByStatus(db),
    accountsByStatus(db),
    gpusByState(db),
    waitingOrders(db, now),
    isLeader ? hostReadings(db, now) : [],
  ]);
  return { numbers, server, connections, environments, accounts, models, waiting, hosts };
}

export function collectFleet(collected: CollectedMetrics, readings: FleetReadings): void {
  const { numbers, server } = readings;
  collected.value("control_plane_term", server.term);
  collected.samples("hosts", countedBy("connection", readings.connections, CONNECTIONS));
  collected.value("hosts_cordoned", numbers.hosts_cordoned);
  collected.samples("gpus_by_state", gpuSamples(readings.models));
  collected.value("gpus", numbers.gpus_total);
  collected.value("gpus_free", numbers.gpus_free);
  collected.samples("environments", countedBy("status", readings.environments, ENVIRONMENT_STATUSES));
  collected.value("alarms_open", numbers.alarms_open);
  collected.value("usage_rows_pending", numbers.pending_usage_rows);
  collected.value("usage_unrated_oldest_age_seconds", server.unratedAgeSeconds);
  collected.samples("accounts", countedBy("overdue_status", readings.accounts, OVERDUE_STATUSES));
  collected.value("db_replication_lag_seconds", server.replicationLagSeconds);
  collected.value("backup_age_seconds", server.backupAgeSeconds);
  collectQueue(collected, numbers, readings.waiting);
  collectHosts(collected, readings.hosts);
}

function collectQueue(
  collected: CollectedMetrics,
  { queued }: FleetNumbers,
  waiting: readonly WaitingOrders[],
): void {
  collected.value("orders_queued", queued);
  collected.samples(
    "queue_orders",
    WORKLOAD_KINDS.flatMap((kind) => WAITING_REASONS.map((reason) => ordersOf(waiting, { kind, reason }))),
  );
  collected.samples(
    "queue_oldest_age_seconds",
    WORKLOAD_KINDS.map((kind) => {
      const ages = waiting.filter((one) => one.kind === kind).map((one) => one.oldest_age);
      return { labels: { kind }, value: Math.max(0, ...ages) };
    }),
  );
}

function ordersOf(
  waiting: readonly WaitingOrders[],
  labels: { kind: WaitingOrders["kind"]; reason: string },
): MetricSample {
  const counted = waiting.filter(
    ({ kind, code }) => kind === labels.kind && waitingReasonOf(code) === labels.reason,
  );
  return { labels, value: counted.reduce((sum, { count }) => sum + count, 0) };
}

/** What no host has reported yet has no age. */
function collectHosts(collected: CollectedMetrics, hosts: readonly HostReading[]): void {
  collected.samples(
    "host_heartbeat_age_seconds",
    hosts.flatMap(({ id, heartbeat_age: age }) =>
      age === null ? [] : [{ labels: { host: id }, value: Math.max(age, 0) }],
    ),
  );
  collected.samples(
    "host_journal_lag_rows",
    hosts.map(({ id, journal_lag: value }) => ({ labels: { host: id }, value })),
  );
}

function gpuSamples(models: readonly ModelStates[]): MetricSample[] {
  const samples = models.flatMap(({ model, ...counts }) =>
    GPU_STATES.map((state) => ({ labels: { model, state }, value: counts[state] })),
  );
  return boundedLabel(samples, { label: "model", most: MAX_MODELS });
}

/** @param known values that are served as 0 where nothing has them */
function countedBy(
  label: string,
  counted: readonly Counted[],
  known: readonly string[] = [],
): MetricSample[] {
  const counts = new Map<string, number>(known.map((value) => [value, 0]));
  for (const { value, count } of counted) counts.set(value, count);
  return [...counts].map(([value, count]) => ({ labels: { [label]: value }, value: count }));
}

export function collectJournal(collected: CollectedMetrics, backlog: JournalBacklog): void {
  collected.value("jetstream_pending_messages", backlog.pending);
  collected.value("jetstream_ack_pending_messages", backlog.unacknowledged);
  collected.samples(
    "jetstream_replica_lag_messages",
    backlog.followers.map(({ name, lag }) => ({ labels: { replica: name }, value: lag })),
  );
}
