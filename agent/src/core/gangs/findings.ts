/**
 * What is found of a rank that is held, each as a sentence: which others it reaches, and what of its host a gang relies on.
 * It is what is seen now; whether that lasts is judged by the control plane. A sentence changes only with what it says, so
 * that nothing is told twice. Pure.
 */
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import { worded } from "@remotegpu/shared/reasons/host-reports/statement";
import type { Finding, InstanceSpec } from "@remotegpu/shared/instance/instance";
import { MIB, MS_PER_SECOND } from "@remotegpu/shared/values/units";

type Rank = NonNullable<InstanceSpec["hosts"]>[number];

/** The size of the smallest packet, which is tried where the largest does not pass. */
export const SMALL_PACKET_BYTES = 84;
/** Tokens, certificates and what programs agree on by the clock are off beyond it. */
const MOST_CLOCK_OFFSET_MS = MS_PER_SECOND;

/** By one look: the bytes of the largest packet, and who answered it, or at least a small one. */
export type Reached = { packetBytes: number; full: ReadonlySet<string>; small: ReadonlySet<string> };

export function networkFinding({ name, address }: Rank, { packetBytes, full, small }: Reached): Finding {
  const isPassed = full.has(address);
  const unreached = small.has(address) ? "rank-answers-small-packets" : "rank-does-not-answer";
  const params = { rank_name: name, address, packet_bytes: packetBytes };
  const why: HostReason = { code: isPassed ? "rank-answers" : unreached, params };
  return { check: "network", isPassed, ...worded(why), address };
}

/** How far this host's clock is ahead of the control plane's, known to half a round trip. */
export type ClockOffset = { aheadMs: number; roundTripMs: number };

export function clockFinding({ aheadMs, roundTripMs }: ClockOffset): Finding {
  const surelyMs = Math.max(0, Math.abs(aheadMs) - roundTripMs / 2);
  const isPassed = surelyMs <= MOST_CLOCK_OFFSET_MS;
  const off: HostReason = {
    code: aheadMs > 0 ? "clock-ahead" : "clock-behind",
    params: { seconds: Math.abs(aheadMs) / MS_PER_SECOND },
  };
  return { check: "clock", isPassed, ...worded(isPassed ? { code: "clock-in-time", params: {} } : off) };
}

export function diskFinding({ isNearlyFull }: { isNearlyFull: boolean }): Finding {
  const code = isNearlyFull ? "disk-nearly-full" : "disks-have-room";
  return { check: "disk", isPassed: !isNearlyFull, ...worded({ code, params: {} }) };
}

/** @param foundBytes null where its container has none */
export function shmFinding(orderedBytes: number, foundBytes: number | null): Finding {
  const isPassed = foundBytes !== null && foundBytes >= orderedBytes;
  return { check: "shm", isPassed, ...worded(shmReason(orderedBytes, foundBytes)) };
}

function shmReason(orderedBytes: number, foundBytes: number | null): HostReason {
  const params = { ordered_mib: Math.floor(orderedBytes / MIB) };
  if (foundBytes === null) return { code: "shared-memory-missing", params };
  if (foundBytes >= orderedBytes) return { code: "shared-memory-as-ordered", params };
  return {
    code: "shared-memory-too-small",
    params: { ...params, found_mib: Math.floor(foundBytes / MIB) },
  };
}
