/**
 * What a host holds against one of its cards, and the reason that says so to whoever has something on it. A card with a
 * sign of failure is closed at once; whether it failed is known with its next reading.
 */
import type { AnyReason } from "@remotegpu/shared/reasons/parameters";
import { AS_REPORTED } from "@remotegpu/shared/reasons/wording";
import { inEnglish } from "../reasons/english/english.ts";
import { listedReason } from "../reasons/english/listed-reason.ts";
import { asReported, type Reason } from "../reasons/reason.ts";

export interface CardFault {
  uuid: string;
  /** The stable name of the reason: "requires-reset"; null where its host told none. */
  code: string | null;
  /** The host's sentence; null where it told none. */
  reason: string | null;
  /** That sentence as a code; null where it came as a text. */
  why: AnyReason | null;
  /** A sign of failure is open. */
  isSign: boolean;
  /** What held it has been ended. */
  isFatal: boolean;
}

export function faultReason(fault: CardFault): Reason {
  const params = { gpu_uuid: fault.uuid, why: whyFaulty(fault) };
  if (fault.isFatal) return { code: "gpu-failed", params };
  return { code: fault.isSign ? "gpu-shows-sign" : "gpu-closed-to-new", params };
}

/** The reason of an instance that ended by itself on such a card. */
export function endReason(fault: CardFault): Reason {
  const params = { gpu_uuid: fault.uuid, why: whyFaulty(fault) };
  return { code: fault.isFatal ? "gpu-had-failed" : "gpu-had-shown-sign", params };
}

type FaultCause = Pick<CardFault, "reason" | "code" | "why">;

/** In plain words with the code behind: "It needs a reset (requires-reset)". */
export function whyFaulty({ reason, code, why }: FaultCause): Reason {
  const words = (reason ?? "").replace(/\.$/, "");
  if (words === "") return withFaultCode({ code: "gpu-fault-unexplained", params: {} }, code);
  if (code !== null && words.includes(`(${code})`)) return asReported(words);
  const cause = listedReason(reason ?? "", why);
  const isText = code === null || cause.code === AS_REPORTED;
  return withFaultCode(isText ? asReported(words) : cause, code);
}

function withFaultCode(why: Reason, code: string | null): Reason {
  return code === null ? why : { code: "gpu-fault", params: { why, fault_code: code } };
}

export function faultText(fault: FaultCause): string {
  return inEnglish(whyFaulty(fault));
}

/** How grave a fault is: only one that is graver than what was known is told of again, or one of another kind. */
export function isNewFault(known: CardFault | null, reported: CardFault | null): reported is CardFault {
  if (reported === null) return false;
  return known === null || isGraver(reported, known) || reported.code !== known.code;
}

const GRAVITIES = ["drain", "sign", "fatal"] as const;

export function gravityOf({ isFatal, isSign }: CardFault): (typeof GRAVITIES)[number] {
  return isFatal ? "fatal" : isSign ? "sign" : "drain";
}

function isGraver(one: CardFault, other: CardFault): boolean {
  return GRAVITIES.indexOf(gravityOf(one)) > GRAVITIES.indexOf(gravityOf(other));
}
