/**
 * What is found of a rank that is held, each as a sentence: which others it reaches, and what of its host a gang relies on.
 * It is what is seen now; whether that lasts is judged by the control plane. A sentence changes only with what it says, so
 * that nothing is told twice. Pure.
 */
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
  const whole = `packets of ${packetBytes} bytes`;
  const detail = isPassed
    ? `${name} (${address}) answers ${whole}.`
    : small.has(address)
      ? `${name} (${address}) answers small packets and none of ${packetBytes} bytes: something on the way takes no such packets.`
      : `${name} (${address}) does not answer ${whole}.`;
  return { check: "network", isPassed, detail, address };
}

/** How far this host's clock is ahead of the control plane's, known to half a round trip. */
export type ClockOffset = { aheadMs: number; roundTripMs: number };

export function clockFinding({ aheadMs, roundTripMs }: ClockOffset): Finding {
  const surelyMs = Math.max(0, Math.abs(aheadMs) - roundTripMs / 2);
  const isPassed = surelyMs <= MOST_CLOCK_OFFSET_MS;
  const seconds = (Math.abs(aheadMs) / MS_PER_SECOND).toFixed(1);
  const detail = isPassed
    ? "The host's clock is within a second of the control plane's."
    : `The host's clock is ${seconds} s ${aheadMs > 0 ? "ahead of" : "behind"} the control plane's.`;
  return { check: "clock", isPassed, detail };
}

export function diskFinding({ isNearlyFull }: { isNearlyFull: boolean }): Finding {
  const detail = isNearlyFull ? "A disk of the host is nearly full." : "The host's disks have room.";
  return { check: "disk", isPassed: !isNearlyFull, detail };
}

/** @param foundBytes null where its container has none */
export function shmFinding(orderedBytes: number, foundBytes: number | null): Finding {
  const isPassed = foundBytes !== null && foundBytes >= orderedBytes;
  const found = foundBytes === null ? "none" : `${Math.floor(foundBytes / MIB)} MiB`;
  const ordered = `${Math.floor(orderedBytes / MIB)} MiB`;
  const detail = isPassed
    ? `Its shared memory has ${ordered}.`
    : `Its shared memory has ${found}, and ${ordered} were ordered.`;
  return { check: "shm", isPassed, detail };
}
