/** How much the journal stream holds that ingest has not dealt with, as NATS counts it. Changes nothing. */
import type { NatsConnection } from "nats";
import { JOURNAL_CONSUMER, JOURNAL_STREAM } from "@remotegpu/shared/messages/subjects";
import type { JournalBacklog } from "../../core/ingest/journal-stream.ts";
import { awayCause } from "./journal-stream.ts";

const READ_WITHIN_MS = 2_000;

/** Null where NATS, or the stream, does not answer. */
export async function readJournalBacklog(connection: NatsConnection): Promise<JournalBacklog | null> {
  try {
    const manager = await connection.jetstreamManager({ timeout: READ_WITHIN_MS, checkAPI: false });
    const [consumer, stream] = await Promise.all([
      manager.consumers.info(JOURNAL_STREAM, JOURNAL_CONSUMER),
      manager.streams.info(JOURNAL_STREAM),
    ]);
    const followers = stream.cluster?.replicas ?? [];
    return {
      pending: consumer.num_pending,
      unacknowledged: consumer.num_ack_pending,
      followers: followers.map(lagOf),
    };
  } catch (error) {
    if (awayCause(error) === null) throw error;
    return null;
  }
}

/** NATS leaves the lag out where there is none, whatever the library's type says. */
function lagOf({ name, lag }: { name: string; lag?: number }): JournalBacklog["followers"][number] {
  return { name, lag: lag ?? 0 };
}
