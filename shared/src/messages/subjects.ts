/**
 * Every NATS subject of the product, made and read in this one place. The host id is taken from the subject,
 * never from a payload.
 */
import type { HostId } from "../values/ids.ts";
import { SessionId } from "./sessions.ts";

const PREFIX = "rg.v1.h";

export const JOURNAL_STREAM = "RG_JOURNAL";
export const JOURNAL_CONSUMER = "ingest";

export type UpWord = "hb" | "pull" | "obs" | "storage" | "login" | "code" | "j";
export type DownWord = "nudge" | "exec" | "exec-stop";

export const up = (host: HostId, word: UpWord) => `${PREFIX}.${host}.up.${word}`;
export const down = (host: HostId, word: DownWord) => `${PREFIX}.${host}.down.${word}`;

/** What the control plane subscribes: one word of all hosts. */
export const upOfAllHosts = (word: UpWord) => `${PREFIX}.*.up.${word}`;

/**
 * The further pages of an observed report go to the replica that took the first one, so that none has to be
 * shared between replicas. `replica` comes from that one's reply.
 */
export const upObservedTo = (host: HostId, replica: string) => `${PREFIX}.${host}.up.obs.${replica}`;
export const upObservedOfAllHosts = (replica: string) => `${PREFIX}.*.up.obs.${replica}`;

/** Prefix of a host's own inbox; replies to its requests arrive here. */
export const hostInbox = (host: HostId) => `${PREFIX}.${host}.down.inbox`;

/** The permissions of one host's user, and the accounts' service exports. */
export const upAll = (host: HostId) => `${PREFIX}.${host}.up.>`;
export const downAll = (host: HostId) => `${PREFIX}.${host}.down.>`;
export const UP_OF_ALL_HOSTS = `${PREFIX}.*.up.>`;
export const DOWN_OF_ALL_HOSTS = `${PREFIX}.*.down.>`;

/**
 * Sessions (terminal, logs) carry an unguessable id; through core NATS, never JetStream. `open` is a request with
 * one answer, all else is published. `*` is for subscribing to all words of one session.
 */
export type SessionKind = "term" | "logs";
export type UpSessionWord = "data" | "credit" | "close";
export type DownSessionWord = "open" | "input" | "resize" | "credit" | "close";

export const upSession = (host: HostId, kind: SessionKind, session: SessionId, word: UpSessionWord | "*") =>
  `${PREFIX}.${host}.up.${kind}.${session}.${word}`;
export const downSession = (
  host: HostId,
  kind: SessionKind,
  session: SessionId,
  word: DownSessionWord | "*",
) => `${PREFIX}.${host}.down.${kind}.${session}.${word}`;

/** What a host subscribes: all its sessions of a kind, also those to come. */
export const downOfAllSessions = (host: HostId, kind: SessionKind) => `${PREFIX}.${host}.down.${kind}.*.*`;

/** The session of a subject of ours, or null for any other subject. */
export function sessionOf(subject: string): SessionId | null {
  const match = /^rg\.v1\.h\.[^.]+\.(?:up|down)\.(?:term|logs)\.([^.]+)\.[a-z]+$/.exec(subject);
  return SessionId.safeParse(match?.[1]).data ?? null;
}

/** The host token of a subject of ours, or null for any other subject. */
export function hostOf(subject: string): string | null {
  const match = /^rg\.v1\.h\.([^.]+)\.(?:up|down)\./.exec(subject);
  return match?.[1] ?? null;
}

/** Wakes the loops of whichever replica leads; inside the control plane's account only. */
export const CONTROL_PLANE_WAKE = "rg.v1.wake";
