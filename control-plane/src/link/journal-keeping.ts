/**
 * One look at the journal stream, in words of core/journal-stream.ts: what NATS does not do is an answer here, never
 * an exception.
 */
import type { NatsConnection } from "nats";
import { type StreamFound, type StreamState, WANTED_REPLICAS } from "../core/journal-stream.ts";
import { NatsUnreachableError, type NatsAddress } from "./connection.ts";
import { jetStreamServers } from "./jetstream-servers.ts";
import { awayCause } from "./journal-stream.ts";
import type { Operator } from "./operator.ts";

/** @throws what is no failure of NATS */
export async function lookAtStream(
  { operator, address, connection }: { operator: Operator; address: NatsAddress; connection: NatsConnection },
  look: (connection: NatsConnection) => Promise<StreamFound>,
): Promise<StreamState> {
  try {
    const found = await look(connection);
    const isShort = found.isClustered && found.replicas < WANTED_REPLICAS;
    return {
      kind: "well",
      ...found,
      servers: isShort ? await serversSeen(operator, address) : found.servers,
    };
  } catch (error) {
    return awayState(error);
  }
}

/** @throws the error itself where it is no failure of NATS */
export function awayState(error: unknown): StreamState {
  const cause = error instanceof NatsUnreachableError ? "nats" : awayCause(error);
  if (cause === null) throw error;
  return { kind: "away", cause, detail: wordsOf(error) };
}

/** Null where they could not be asked: it only says more of a stream that was found. */
async function serversSeen(operator: Operator, address: NatsAddress): Promise<string[] | null> {
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
