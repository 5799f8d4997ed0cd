/**
 * What a host's silence means. Slowness kills nothing: a suspect host gets nothing new, an unreachable one is shown
 * as such, and what runs there runs on.
 */
import type { HostConnection } from "@remotegpu/shared/workload";

export const SUSPECT_AFTER_MS = 30_000;
export const UNREACHABLE_AFTER_MS = 90_000;
/** After the control plane or NATS comes back, hosts get this long to be heard before they count as unreachable. */
export const AMNESTY_MS = 300_000;

export interface Silence {
  /** Milliseconds since 1970; null when the host was never heard. */
  lastHeartbeatMs: number | null;
  nowMs: number;
  /** When this control plane last began to listen. */
  listeningSinceMs: number;
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
