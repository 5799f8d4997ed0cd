/**
 * How many replicas the journal stream asks for, and what is said of the state in which it was found: to everyone
 * (degraded), to operators (alarms) and by the doctor. Asking NATS is link/journal/journal-stream.ts.
 */
import { inSequence } from "../reasons/in-sequence.ts";
import { reasonOf } from "../reasons/plain-reason.ts";
import type { PlainCode, Reason } from "../reasons/reason.ts";

/** One fewer bears no loss of a server: of two, both must be there for the stream to have a leader. */
export const WANTED_REPLICAS = 3;

export interface StreamFound {
  readonly replicas: number;
  /** Servers that hold a replica and have not been heard for a while. */
  readonly silent: readonly string[];
  /** Servers with JetStream that were seen; null where they were not asked for, since nothing depends on it. */
  readonly servers: readonly string[] | null;
  readonly isClustered: boolean;
  /** NATS' words where more replicas were asked for and refused; null where none were. */
  readonly refusal: string | null;
}

export type AwayCause = "nats" | "jetstream" | "leader" | "refused";

/** `detail` is the engine's own words, for operators alone: they may hold addresses. */
export type StreamState =
  | ({ readonly kind: "well" } & StreamFound)
  | { readonly kind: "away"; readonly cause: AwayCause; readonly detail: string };

/** What the stream holds that ingest has not dealt with. */
export interface JournalBacklog {
  /** Messages that no server has received yet. */
  readonly pending: number;
  /** Messages that a server has received and not acknowledged. */
  readonly unacknowledged: number;
  /** How many messages each replica is behind the stream's leader; none where NATS is one server. */
  readonly followers: readonly { readonly name: string; readonly lag: number }[];
}

/** What is away and what that means, for everyone to read. */
export interface Degradation {
  readonly what: "nats" | "jetstream";
  readonly why: Reason;
}

/**
 * The counts to ask for, one after the other until one is accepted; none where the stream has enough, since it is never
 * lowered. Whether three servers accept it, they say themselves.
 */
export function countsToRequest({
  replicas,
  isClustered,
}: {
  /** Null while there is no stream. */
  replicas: number | null;
  isClustered: boolean;
}): readonly number[] {
  if (!isClustered) return replicas === null ? [1] : [];
  if (replicas === null) return [WANTED_REPLICAS, 1];
  return replicas < WANTED_REPLICAS ? [WANTED_REPLICAS] : [];
}

/** The last time that too few servers accepted the replicas wanted: what was seen of them then, how often, and when. */
export interface RaiseTry {
  readonly seen: string;
  readonly tries: number;
  readonly atMs: number;
}

const RAISE_FIRST_AFTER_MS = 2_000;
const RAISE_EVERY_MS = 60_000;

/**
 * Whether to ask for more replicas again. At once when something else is seen of the servers, soon after that, since a
 * new one accepts only when the others know it, and once a minute as long as nothing changes.
 */
export function isRaiseDue(last: RaiseTry | null, { seen, nowMs }: { seen: string; nowMs: number }): boolean {
  if (last === null || last.seen !== seen) return true;
  const waitMs = Math.min(RAISE_FIRST_AFTER_MS * 2 ** (last.tries - 1), RAISE_EVERY_MS);
  return nowMs - last.atMs >= waitMs;
}

export function degradationOf(state: StreamState): Degradation | null {
  if (state.kind === "well") return null;
  return { what: state.cause === "nats" ? "nats" : "jetstream", why: whyAway(state.cause) };
}

function whyAway(cause: AwayCause): Reason {
  return reasonOf(AWAY_CODES[cause]);
}

const AWAY_CODES = {
  nats: "nats-away",
  jetstream: "jetstream-missing",
  leader: "jetstream-without-leader",
  refused: "journal-stream-refused",
} as const satisfies Record<AwayCause, PlainCode>;

/** What an operator should look at, by the subject of its alarm. A server that runs alone is nobody's mistake. */
export function troublesOf(state: StreamState): ReadonlyMap<string, Reason> {
  if (state.kind === "away") {
    const params = { why: whyAway(state.cause), detail: state.detail };
    return new Map([["away", { code: "journal-stream-away", params }]]);
  }
  const { replicas } = state;
  const troubles = new Map<string, Reason>();
  if (state.isClustered && replicas < WANTED_REPLICAS) troubles.set("replicas", replicasReason(state));
  for (const server of state.silent)
    troubles.set(`silent ${server}`, { code: "journal-server-silent", params: { server, replicas } });
  return troubles;
}

export function replicasReason({ replicas, servers, isClustered, refusal }: StreamFound): Reason {
  if (!isClustered) return { code: "journal-stream-on-one-server", params: { replicas } };
  const seen = servers === null ? null : serversReason(servers);
  if (replicas >= WANTED_REPLICAS)
    return together({ code: "journal-stream-replicated", params: { replicas } }, seen);
  return together(
    { code: "journal-stream-under-replicated", params: { replicas, wanted: WANTED_REPLICAS } },
    seen,
    refusal === null ? null : { code: "nats-refuses", params: { detail: refusal } },
  );
}

function together(first: Reason, ...others: readonly (Reason | null)[]): Reason {
  return inSequence(first, ...others) ?? first;
}

function serversReason(names: readonly string[]): Reason {
  return names.length === 0
    ? { code: "jetstream-servers-none", params: {} }
    : { code: "jetstream-servers", params: { servers: names.length, names: { names, more: 0 } } };
}
