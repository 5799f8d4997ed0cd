/**
 * W3C Trace Context (https://www.w3.org/TR/trace-context/): what the headers `traceparent` and `tracestate` say, and how
 * they are written. Ids come from outside: nothing here is random.
 */

/** One step of a trace: the request, message or pass that is being handled. */
export interface TraceContext {
  /** 32 hexadecimal digits in lower case, not all zero: the same in every process that the trace passes. */
  readonly traceId: string;
  /** 16 of them: this step. */
  readonly spanId: string;
  /** Whoever began the trace records it; handed on as it came. */
  readonly isSampled: boolean;
  /** What tracing systems on the way have added, as it came; null where nothing valid did. */
  readonly state: string | null;
}

export const TRACEPARENT = "traceparent";
export const TRACESTATE = "tracestate";
/** On an answer: the trace in which the request was handled, in the form of a traceparent. */
export const TRACERESPONSE = "traceresponse";

const HEADER = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const SAMPLED = 0x01;
/** Version 00 ends with its flags; later ones may go on behind a dash. */
const FIRST_VERSION = "00";
/** Only what every tracing system must be able to hand on. */
const MAX_STATE_LENGTH = 512;
const MAX_STATE_MEMBERS = 32;
const STATE_MEMBER =
  /^(?:[a-z][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;

/** Null for what is absent or invalid: whoever gets it begins a trace of its own. */
export function readTraceparent(
  traceparent: string | null | undefined,
  tracestate: string | null | undefined = null,
): TraceContext | null {
  const [, version, traceId, spanId, flags, more] = HEADER.exec(traceparent?.trim() ?? "") ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return null;
  if (version === FIRST_VERSION && more !== undefined) return null;
  const isSampled = (Number.parseInt(flags, 16) & SAMPLED) !== 0;
  return { traceId, spanId, isSampled, state: validState(tracestate ?? "") };
}

/** Always in version 00, of whichever version the parent was. */
export function writeTraceparent({ traceId, spanId, isSampled }: TraceContext): string {
  return `00-${traceId}-${spanId}-${isSampled ? "01" : "00"}`;
}

/** The next step of the same trace. */
export function continuing(parent: TraceContext, spanId: string): TraceContext {
  return { ...parent, spanId };
}

/** The first step of a trace of our own. Nothing of ours records traces, so it says that it is not recorded. */
export function beginning(traceId: string, spanId: string): TraceContext {
  return { traceId, spanId, isSampled: false, state: null };
}

/** As it came where it is valid and short; a list with one member that is wrong says nothing. */
function validState(text: string): string | null {
  if (text.length > MAX_STATE_LENGTH) return null;
  const members = text.split(",").map((member) => member.replaceAll(/^[ \t]+|[ \t]+$/g, ""));
  const given = members.filter((member) => member !== "");
  if (given.length === 0 || given.length > MAX_STATE_MEMBERS) return null;
  const keys = new Set(given.map((member) => member.slice(0, member.indexOf("="))));
  return keys.size === given.length && given.every((member) => STATE_MEMBER.test(member)) ? text : null;
}
