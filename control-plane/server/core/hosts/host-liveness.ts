/**
 * What a host's silence means. Slowness kills nothing: a suspect host gets nothing new, an unreachable one is shown
 * as such, and what runs there runs on.
 */
import type { HostConnection } from "@remotegpu/shared/values/workload";

export const SUSPECT_AFTER_MS = 30_000;
export const UNREACHABLE_AFTER_MS = 90_000;
/** After the control plane, NATS or Postgres comes back, hosts get this long to be heard before they are unreachable. */
export const AMNESTY_MS = 300_000;

export interface Silence {
  /** Milliseconds since 1970; null when the host was never heard. */
  lastHeartbeatMs: number | null;
  nowMs: number;
  /** When this control plane last began to listen. */
  listeningSinceMs: number;
}

/** A stretch of time in which hosts were heard, without a gap in which a good host would have become suspect. */
export interface Listening {
  sinceMs: number;
  untilMs: number;
}

/** Who is deaf has no such stretch; who hears again, or did not look for too long, begins a new one. */
export function listenOn(
  before: Listening | null,
  { nowMs, hears }: { nowMs: number; hears: boolean },
): Listening | null {
  if (!hears) return null;
  const isNew = before === null || nowMs - before.untilMs >= SUSPECT_AFTER_MS;
  return { sinceMs: isNew ? nowMs : before.sinceMs, untilMs: nowMs };
}

export function connectionOf({ lastHeartbeatMs, nowMs, listeningSinceMs }: Silence): HostConnection {
  if (lastHeartbeatMs === null) return "never";
  const silentMs = nowMs - lastHeartbeatMs;
  if (silentMs < SUSPECT_AFTER_MS) return "connected";
  const hasAmnesty = nowMs - listeningSinceMs < AMNESTY_MS;
  return silentMs < UNREACHABLE_AFTER_MS || hasAmnesty ? "suspect" : "unreachable";
}

/**
 * Whether the host spoke within the time after which it would be suspect. The `connection` that is stored may be as old
 * as a restored database.
 */
export function isHeardNow({ lastHeartbeatMs, nowMs }: Omit<Silence, "listeningSinceMs">): boolean {
  return lastHeartbeatMs !== null && nowMs - lastHeartbeatMs < SUSPECT_AFTER_MS;
}

export type HostStatus = "offline" | "online" | "maintenance";

/** A cordoned host is in maintenance whatever its connection; the connection is shown beside it. */
export function hostStatus(connection: HostConnection, isCordoned: boolean): HostStatus {
  if (isCordoned) return "maintenance";
  switch (connection) {
    case "connected":
    case "suspect":
      return "online";
    case "never":
    case "unreachable":
      return "offline";
  }
}
