/** The families that are read of the database, and of NATS: made from what the statements of the store answer. */
import type { MetricSample } from "@remotegpu/shared/metrics/metric-family";
import { ENVIRONMENT_STATUSES, WORKLOAD_KINDS } from "@remotegpu/shared/values/workload";
import { releasesBehind } from "../../core/hosts/upgrades/agent-skew.ts";
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
import { VERSION } from "../../release/version.ts";
import type { ServerSamples } from "../../core/metrics/families.ts";

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

export function collectFleet(collected: ServerSamples, readings: FleetReadings): void {
  const { numbers, server } = readings;
  collected.add("control_plane_term", server.term);
  collected.addAll("hosts", countedBy("connection", readings.connections, CONNECTIONS));
  collected.add("hosts_cordoned", numbers.hosts_cordoned);
  collected.addAll("gpus_by_state", gpuSamples(readings.models));
  collected.add("gpus", numbers.gpus_total);
  collected.add("gpus_free", numbers.gpus_free);
  collected.addAll("environments", countedBy("status", readings.environments, ENVIRONMENT_STATUSES));
  collected.add("alarms_open", numbers.alarms_open);
  collected.add("usage_rows_pending", numbers.pending_usage_rows);
  collected.add("usage_unrated_oldest_age_seconds", server.unratedAgeSeconds);
  collected.addAll("accounts", countedBy("overdue_status", readings.accounts, OVERDUE_STATUSES));
  collected.add("db_replication_lag_seconds", server.replicationLagSeconds);
  collected.add("backup_age_seconds", server.backupAgeSeconds);
  collectQueue(collected, numbers, readings.waiting);
  collectHosts(collected, readings.hosts);
}

function collectQueue(
  collected: ServerSamples,
  { queued }: FleetNumbers,
  waiting: readonly WaitingOrders[],
): void {
  collected.add("orders_queued", queued);
  collected.addAll(
    "queue_orders",
    WORKLOAD_KINDS.flatMap((kind) => WAITING_REASONS.map((reason) => ordersOf(waiting, { kind, reason }))),
  );
  collected.addAll(
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
function collectHosts(collected: ServerSamples, hosts: readonly HostReading[]): void {
  collected.addAll(
    "host_heartbeat_age_seconds",
    hosts.flatMap(({ id, heartbeat_age: age }) =>
      age === null ? [] : [{ labels: { host: id }, value: Math.max(age, 0) }],
    ),
  );
  collected.addAll(
    "host_agent_skew_versions",
    hosts.flatMap(({ id, agent_version: version }) => {
      const behind = releasesBehind(version, VERSION);
      return behind === null ? [] : [{ labels: { host: id }, value: behind }];
    }),
  );
  collected.addAll(
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

export function collectJournal(collected: ServerSamples, backlog: JournalBacklog): void {
  collected.add("jetstream_pending_messages", backlog.pending);
  collected.add("jetstream_ack_pending_messages", backlog.unacknowledged);
  collected.addAll(
    "jetstream_replica_lag_messages",
    backlog.followers.map(({ name, lag }) => ({ labels: { replica: name }, value: lag })),
  );
}
