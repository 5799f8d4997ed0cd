/**
 * When a replica that its service goes without may end: once no gateway gives it requests and none that it was given is
 * open, so that nobody's answer is cut off; at the latest after the time that its owner set.
 */
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import type { Reason } from "../reasons/reason.ts";
import type { ExposureConfig } from "./exposure.ts";

const DEFAULT_SECONDS = 600;

export interface Drain {
  /** Why it goes. */
  why: Reason;
  forMs: number;
  /** By the database's clock, after the drain was committed: who follows a later moment gives it nothing. Null: not yet. */
  announcedAt: Date | null;
  /** The state at each gateway that runs. */
  gateways: readonly GatewayAtDrain[];
  /** Connections that its host has open to it. */
  streams: number | "not-told" | "cannot-tell";
}

interface GatewayAtDrain {
  /** Null: it has told nothing. */
  followsAsOf: Date | null;
  /** Its requests that the replica has not answered. */
  open: number;
}

/** Null while it goes on. */
export function endOfDrain(drain: Drain, limitMs: number): "nothing-open" | "time-is-up" | null {
  if (drain.forMs >= limitMs) return "time-is-up";
  const { announcedAt, gateways, streams } = drain;
  if (announcedAt === null) return null;
  const isLetGo = gateways.every(
    ({ followsAsOf, open }) => followsAsOf !== null && followsAsOf > announcedAt && open === 0,
  );
  // A gateway that died, or is cut off, is not among them; its connections are seen where they arrive.
  return isLetGo && (streams === 0 || streams === "cannot-tell") ? "nothing-open" : null;
}

/** 0: what is open is cut off at once. */
export function drainLimitMs(config: ExposureConfig | null): number {
  return (config?.drain_seconds ?? DEFAULT_SECONDS) * MS_PER_SECOND;
}
