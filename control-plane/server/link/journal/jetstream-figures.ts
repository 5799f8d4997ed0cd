/** What a support bundle has of NATS: the server, JetStream's use, the streams and their consumers. Changes nothing. */
import type { NatsConnection } from "nats";

const READ_WITHIN_MS = 3_000;
const MAX_LISTED = 200;

/** @throws NatsError where JetStream does not answer */
export async function jetStreamFigures(connection: NatsConnection): Promise<unknown> {
  const manager = await connection.jetstreamManager({ timeout: READ_WITHIN_MS, checkAPI: false });
  const { info } = connection;
  const { memory, storage, streams: streamCount, consumers, limits, api } = await manager.getAccountInfo();
  const streams: unknown[] = [];
  for await (const { config, state, cluster } of manager.streams.list()) {
    if (streams.length === MAX_LISTED) break;
    streams.push({
      name: config.name,
      num_replicas: config.num_replicas,
      storage: config.storage,
      retention: config.retention,
      max_bytes: config.max_bytes,
      max_msgs_per_subject: config.max_msgs_per_subject,
      messages: state.messages,
      bytes: state.bytes,
      first_seq: state.first_seq,
      last_seq: state.last_seq,
      cluster: clusterOf(cluster),
      consumers: await consumersOf(manager, config.name),
    });
  }
  return {
    server: { id: info?.server_id, name: info?.server_name, version: info?.version, cluster: info?.cluster },
    account: { memory, storage, streams: streamCount, consumers, limits, api },
    streams,
  };
}

async function consumersOf(
  manager: Awaited<ReturnType<NatsConnection["jetstreamManager"]>>,
  stream: string,
): Promise<unknown[]> {
  const consumers: unknown[] = [];
  for await (const consumer of manager.consumers.list(stream)) {
    if (consumers.length === MAX_LISTED) break;
    const { name, num_pending, num_ack_pending, num_redelivered, num_waiting } = consumer;
    const { delivered, ack_floor, cluster } = consumer;
    const counts = { num_pending, num_ack_pending, num_redelivered, num_waiting };
    consumers.push({ name, ...counts, delivered, ack_floor, cluster: clusterOf(cluster) });
  }
  return consumers;
}

interface Cluster {
  leader?: string;
  replicas?: { name: string; current: boolean; active: number; lag?: number }[];
}

function clusterOf(cluster: Cluster | undefined): unknown {
  if (cluster === undefined) return null;
  const replicas = (cluster.replicas ?? []).map(({ name, current, active, lag }) => ({
    name,
    current,
    active_ms_ago: Math.round(active / 1_000_000),
    lag: lag ?? 0,
  }));
  return { leader: cluster.leader ?? null, replicas };
}
