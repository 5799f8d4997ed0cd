/**
 * The stream between the hosts' journals and ingest, and its one consumer (journal-consumer.ts): made where they are
 * missing, and given as many replicas as they should have. It owns nothing: whatever it loses is sent again by the
 * agents. A stream that exists is never lowered, in replicas or in what it takes.
 */
import {
  AckPolicy,
  DiscardPolicy,
  ErrorCode,
  nanos,
  NatsError,
  RetentionPolicy,
  StorageType,
  type ConsumerConfig,
  type JetStreamManager,
  type NatsConnection,
  type StreamConfig,
  type StreamInfo,
} from "nats";
import { MAX_BATCH_BYTES } from "@remotegpu/shared/proof/journal-row";
import { JOURNAL_CONSUMER, JOURNAL_STREAM, upOfAllHosts } from "@remotegpu/shared/messages/subjects";
import { KIB } from "@remotegpu/shared/values/units";
import { type AwayCause, countsToRequest, type StreamFound } from "../../core/ingest/journal-stream.ts";

const MAX_MESSAGES_PER_HOST = 10_000;
/** Shorter than the agents' 60 s re-send, so that a re-sent batch is never taken for a double. */
const DUPLICATE_WINDOW_MS = 30_000;
const HANDLE_WITHIN_MS = 60_000;
const MAX_UNACKNOWLEDGED = 4_096;
/** A cluster without a leader answers nothing; this long each look then takes. */
const CHECK_WITHIN_MS = 2_000;
/** Three servers first agree on a leader of the new replicas. */
const CHANGE_WITHIN_MS = 10_000;
/** The replicas' leader hears the others twice a second. */
const SILENT_AFTER_MS = 30_000;

/** As JetStream numbers its errors. */
const STREAM_NOT_FOUND = 10_059;
const CONSUMER_NOT_FOUND = 10_014;
const MADE_MEANWHILE = 10_058;
/** So many servers will not hold it: one alone, too few peers, no room (of the account, of memory, of disk). */
const TOO_FEW_ACCEPT = [10_074, 10_005, 10_002, 10_023, 10_028, 10_047];
const WITHOUT_LEADER = [10_008, 10_118];
const JETSTREAM_OFF = [10_039, 10_076];
const NO_RESPONDERS: string = ErrorCode.NoResponders;
const TIMEOUT: string = ErrorCode.Timeout;

export interface StreamLimits {
  maxMessagesPerHost: number;
}

const LIMITS: StreamLimits = { maxMessagesPerHost: MAX_MESSAGES_PER_HOST };

/** The stream is there, and nobody leads it. */
class StreamLeaderlessError extends Error {
  override readonly name = "StreamLeaderlessError";
}

/**
 * Makes the stream and its consumer, or brings them to what they should be; harmless from several at once. Without
 * `mayRaise` one that is there keeps its replicas.
 * @throws NatsError, StreamLeaderlessError (awayCause)
 */
export async function ensureJournalStream(
  connection: NatsConnection,
  { limits = LIMITS, mayRaise = true }: { limits?: StreamLimits; mayRaise?: boolean } = {},
): Promise<StreamFound> {
  const [checking, changing] = [
    await manager(connection, CHECK_WITHIN_MS),
    await manager(connection, CHANGE_WITHIN_MS),
  ];
  const isClustered = connection.info?.cluster !== undefined;
  const found = await streamInfo(checking);
  const refusal =
    found === null
      ? await makeStream(changing, { config: streamConfig(limits), isClustered })
      : await bringUp(changing, { found, limits, isClustered: isClustered && mayRaise });
  await ensureConsumer(checking, changing);
  return { ...reported(await checking.streams.info(JOURNAL_STREAM), isClustered), refusal };
}

/** As it is, with nothing changed. @throws NatsError, of a stream that is not there too, StreamLeaderlessError */
export async function readJournalStream(connection: NatsConnection): Promise<StreamFound> {
  const checking = await manager(connection, CHECK_WITHIN_MS);
  return reported(await checking.streams.info(JOURNAL_STREAM), connection.info?.cluster !== undefined);
}

/** What a failed look says of JetStream; null for what is no failure of NATS. */
export function awayCause(error: unknown): AwayCause | null {
  if (error instanceof StreamLeaderlessError) return "leader";
  if (!(error instanceof NatsError)) return null;
  const code = error.api_error?.err_code;
  if (code !== undefined) {
    if (WITHOUT_LEADER.includes(code)) return "leader";
    return JETSTREAM_OFF.includes(code) ? "jetstream" : "refused";
  }
  if (error.code === NO_RESPONDERS) return "jetstream";
  return error.code === TIMEOUT ? "leader" : "nats";
}

function manager(connection: NatsConnection, timeout: number): Promise<JetStreamManager> {
  return connection.jetstreamManager({ timeout, checkAPI: false });
}

/** Answers NATS' words where it refused the replicas that were wanted. */
async function makeStream(
  changing: JetStreamManager,
  { config, isClustered }: { config: OurStream; isClustered: boolean },
): Promise<string | null> {
  let refusal: string | null = null;
  for (const replicas of countsToRequest({ replicas: null, isClustered })) {
    try {
      await changing.streams.add({ ...config, num_replicas: replicas });
      break;
    } catch (error) {
      if (isAnswer(error, [MADE_MEANWHILE])) break;
      if (replicas === 1 || !isAnswer(error, TOO_FEW_ACCEPT)) throw error;
      refusal = error.message;
    }
  }
  return refusal;
}

/** Answers NATS' words where it refused the replicas that were wanted. */
async function bringUp(
  changing: JetStreamManager,
  { found, limits, isClustered }: { found: StreamInfo; limits: StreamLimits; isClustered: boolean },
): Promise<string | null> {
  const config = atLeast(streamConfig(limits), found.config);
  if (differs(config, found.config)) await changing.streams.update(JOURNAL_STREAM, config);
  // By itself, so that servers which refuse it keep nothing else from the stream.
  for (const replicas of countsToRequest({ replicas: found.config.num_replicas, isClustered })) {
    try {
      await changing.streams.update(JOURNAL_STREAM, { num_replicas: replicas });
    } catch (error) {
      if (!isAnswer(error, TOO_FEW_ACCEPT)) throw error;
      return error.message;
    }
  }
  return null;
}

async function ensureConsumer(checking: JetStreamManager, changing: JetStreamManager): Promise<void> {
  try {
    const { config } = await checking.consumers.info(JOURNAL_STREAM, JOURNAL_CONSUMER);
    if (!differs(CONSUMER, config)) return;
  } catch (error) {
    if (!isAnswer(error, [CONSUMER_NOT_FOUND])) throw error;
  }
  await changing.consumers.add(JOURNAL_STREAM, CONSUMER);
}

const CONSUMER: Partial<ConsumerConfig> = {
  durable_name: JOURNAL_CONSUMER,
  ack_policy: AckPolicy.Explicit,
  ack_wait: nanos(HANDLE_WITHIN_MS),
  max_ack_pending: MAX_UNACKNOWLEDGED,
  max_deliver: -1,
  // As many as the stream has, and raised with it.
  num_replicas: 0,
};

type OurStream = ReturnType<typeof streamConfig>;

function streamConfig({ maxMessagesPerHost }: StreamLimits) {
  return {
    name: JOURNAL_STREAM,
    subjects: [upOfAllHosts("j")],
    storage: StorageType.File,
    retention: RetentionPolicy.Workqueue,
    discard: DiscardPolicy.New,
    max_msgs_per_subject: maxMessagesPerHost,
    discard_new_per_subject: true,
    max_msg_size: MAX_BATCH_BYTES + 16 * KIB,
    duplicate_window: nanos(DUPLICATE_WINDOW_MS),
    // A header of a hostile host must not roll the stream up, and nobody deletes from it but the consumer.
    allow_rollup_hdrs: false,
    deny_delete: true,
  };
}

/** An operator may let it take more. */
function atLeast(ours: OurStream, theirs: StreamConfig): OurStream {
  const most = (our: number, their: number) => (their === -1 ? their : Math.max(our, their));
  return {
    ...ours,
    max_msgs_per_subject: Math.max(ours.max_msgs_per_subject, theirs.max_msgs_per_subject),
    max_msg_size: most(ours.max_msg_size, theirs.max_msg_size),
  };
}

/** Only what we say counts; whatever else an operator has set stays. */
function differs(ours: object, theirs: object): boolean {
  const stored = new Map(Object.entries(theirs));
  return Object.entries(ours).some(
    ([name, value]) => JSON.stringify(value) !== JSON.stringify(stored.get(name)),
  );
}

async function streamInfo(checking: JetStreamManager): Promise<StreamInfo | null> {
  try {
    return await checking.streams.info(JOURNAL_STREAM);
  } catch (error) {
    if (isAnswer(error, [STREAM_NOT_FOUND])) return null;
    throw error;
  }
}

/** @throws StreamLeaderlessError */
function reported({ config, cluster }: StreamInfo, isClustered: boolean): StreamFound {
  if (!cluster?.leader)
    throw new StreamLeaderlessError(`none of its ${config.num_replicas} replicas leads it`);
  const others = cluster.replicas ?? [];
  const silent = others.filter(({ offline, active }) => offline || active > nanos(SILENT_AFTER_MS));
  return {
    replicas: config.num_replicas,
    silent: silent.map(({ name }) => name),
    servers: null,
    isClustered,
    refusal: null,
  };
}

function isAnswer(error: unknown, codes: readonly number[]): error is NatsError {
  return error instanceof NatsError && codes.includes(error.api_error?.err_code ?? 0);
}
