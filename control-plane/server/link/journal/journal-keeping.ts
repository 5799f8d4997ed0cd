/**
 * Looks at the journal stream, in words of core/ingest/journal-stream.ts: what NATS does not do is an answer here, never an
 * exception. Whoever keeps the stream looks often, and asks servers that refuse more replicas seldom.
 */
import type { NatsConnection } from "nats";
import {
  isRaiseDue,
  type RaiseTry,
  type StreamFound,
  type StreamState,
  WANTED_REPLICAS,
} from "../../core/ingest/journal-stream.ts";
import { NatsUnreachableError, type NatsAddress } from "../servers/connection.ts";
import { jetStreamServers } from "../servers/jetstream-servers.ts";
import { awayCause } from "./journal-stream.ts";
import type { Operator } from "../servers/operator.ts";

interface KeepingParts {
  ensure: (connection: NatsConnection, request: { mayRaise: boolean }) => Promise<StreamFound>;
  /** Who has JetStream; null where nobody could be asked. */
  servers: () => Promise<string[] | null>;
  /** A clock that only goes forward. */
  nowMs: () => number;
}

export class JournalKeeping {
  readonly #parts: KeepingParts;
  /** With what was said then, which holds until they are asked again. */
  #refused: (RaiseTry & Pick<StreamFound, "refusal" | "servers">) | null = null;

  constructor(parts: KeepingParts) {
    this.#parts = parts;
  }

  /** @throws what is no failure of NATS */
  async check(connection: NatsConnection): Promise<StreamState> {
    const { ensure, servers, nowMs } = this.#parts;
    const sight = { seen: seenBy(connection), nowMs: nowMs() };
    const last = this.#refused;
    const isDue = isRaiseDue(last, sight);
    this.#refused = null;
    try {
      const found = await ensure(connection, { mayRaise: isDue });
      if (!isShort(found)) return { kind: "well", ...found };
      const tries = last?.seen === sight.seen ? last.tries + 1 : 1;
      const refused =
        isDue || last === null
          ? { seen: sight.seen, atMs: sight.nowMs, tries, refusal: found.refusal, servers: await servers() }
          : last;
      this.#refused = refused;
      return { kind: "well", ...found, refusal: refused.refusal, servers: refused.servers };
    } catch (error) {
      return awayState(error);
    }
  }
}

/** Changes with the server that the connection has, and with those that this one knows. */
function seenBy({ info }: NatsConnection): string {
  return [info?.server_id, ...(info?.connect_urls ?? []).toSorted()].join(" ");
}

/** One look that changes nothing. @throws what is no failure of NATS */
export async function inspectStream(
  { operator, address, connection }: { operator: Operator; address: NatsAddress; connection: NatsConnection },
  read: (connection: NatsConnection) => Promise<StreamFound>,
): Promise<StreamState> {
  try {
    const found = await read(connection);
    const servers = isShort(found) ? await serversSeen(operator, address) : found.servers;
    return { kind: "well", ...found, servers };
  } catch (error) {
    return awayState(error);
  }
}

function isShort({ isClustered, replicas }: StreamFound): boolean {
  return isClustered && replicas < WANTED_REPLICAS;
}

/** @throws the error itself where it is no failure of NATS */
export function awayState(error: unknown): StreamState {
  const cause = error instanceof NatsUnreachableError ? "nats" : awayCause(error);
  if (cause === null) throw error;
  return { kind: "away", cause, detail: wordsOf(error) };
}

/** Null where they could not be asked: it only says more of a stream that was found. */
export async function serversSeen(operator: Operator, address: NatsAddress): Promise<string[] | null> {
  try {
    return await jetStreamServers(operator, address);
  } catch (error) {
    if (error instanceof NatsUnreachableError) return null;
    throw error;
  }
}

function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error && error.cause.message !== ""
    ? `${error.message} (${error.cause.message})`
    : error.message;
}
