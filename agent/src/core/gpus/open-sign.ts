/**
 * How a sign of failure opens, is confirmed and ends. A first sample with one closes the GPU and holds the time of what
 * runs on it; a second sample with one, or a proof, ends it. A sign that is gone before that was no outage.
 */
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import type { Sign } from "./gpu-condition.ts";

/** A sign that the last sample of the GPU showed. */
export type OpenSign = {
  code: string;
  /** A sentence. */
  reason: string;
  /** The same as a code; agents of before remembered none. */
  why?: HostReason | undefined;
  /** A query that hangs is no evidence: it neither confirms a sign nor is confirmed by one. */
  isEvidence: boolean;
};

export type SignStep = { sign: OpenSign | null; isConfirmed: boolean };

/**
 * @param before the sign that was open after the sample before
 * @param now the sign of this sample; null where it shows none
 */
export function afterSign(before: OpenSign | null, now: Sign | null): SignStep {
  if (now === null) return { sign: null, isConfirmed: false };
  const isEvidence = now.weight !== "silence";
  // What was evidence stays so while nothing is heard: silence is no good sample.
  if (!isEvidence && before?.isEvidence === true) return { sign: before, isConfirmed: false };
  const { code, reason, why, weight } = now;
  const isConfirmed = weight === "proof" || (isEvidence && before?.isEvidence === true);
  return { sign: { code, reason, why, isEvidence }, isConfirmed };
}
