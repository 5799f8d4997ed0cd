/**
 * Collects what a support bundle has, side by side: each collector has its time and its bytes. One that fails or hangs is
 * named in the manifest and holds up no other; what it had until then is there.
 */
import { KIB, MIB, MS_PER_SECOND } from "../values/units.ts";
import { Redactor } from "./redaction.ts";

const WITHIN_MS = 15 * MS_PER_SECOND;
const MAX_ENTRY_BYTES = MIB;
/** Of all entries together, unpacked. */
const MAX_BUNDLE_BYTES = 24 * MIB;
/** Of the sentence that says why something is left out. */
const MAX_REASON = KIB;

export interface Collector {
  /** The entry's path in the bundle. */
  name: string;
  /** How it is collected, for whoever reads the manifest. */
  source: string;
  /** What of it is never taken along. */
  without?: string;
  withinMs?: number;
  maxBytes?: number;
  /** Adds to the entry whatever it has; what was added stays where it fails or is too late. @throws with why it cannot */
  collect(add: (text: string) => void, signal: AbortSignal): Promise<void> | void;
}

export interface BundleEntry {
  name: string;
  text: string;
}

interface DescribedEntry {
  name: string;
  bytes: number;
  source: string;
  took_ms: number;
  /** So many secrets, or what looked like one, were replaced. */
  redacted: number;
  without?: string;
  /** Why it is not whole. */
  incomplete?: string;
}

export interface Collected {
  entries: BundleEntry[];
  described: DescribedEntry[];
  left_out: { name: string; source: string; reason: string }[];
}

interface Draft {
  text: string;
  tookMs: number;
  failure: string | null;
}

export async function collectAll(
  collectors: readonly Collector[],
  { redactor, maxBytes = MAX_BUNDLE_BYTES }: { redactor: Redactor; maxBytes?: number },
): Promise<Collected> {
  const drafts = await Promise.all(collectors.map(async (one) => [one, await draftOf(one)] as const));
  const collected: Collected = { entries: [], described: [], left_out: [] };
  let left = maxBytes;
  for (const [collector, draft] of drafts) {
    const { name, source, without } = collector;
    if (draft.text === "" && draft.failure !== null) {
      collected.left_out.push({ name, source, reason: reasonText(draft.failure, redactor) });
      continue;
    }
    const { text: safe, count } = redactor.redacted(draft.text);
    const text = withinBytes(safe, Math.min(left, collector.maxBytes ?? MAX_ENTRY_BYTES));
    const bytes = byteLength(text);
    left -= bytes;
    collected.entries.push({ name, text });
    const cut = text === safe ? null : `the first ${bytes} of ${byteLength(safe)} bytes`;
    const incomplete = [cut, draft.failure].filter((one) => one !== null).join("; ");
    collected.described.push({
      name,
      bytes,
      source,
      took_ms: draft.tookMs,
      redacted: count,
      ...(without !== undefined && { without }),
      ...(incomplete !== "" && { incomplete: reasonText(incomplete, redactor) }),
    });
  }
  return collected;
}

async function draftOf(collector: Collector): Promise<Draft> {
  const { withinMs = WITHIN_MS, maxBytes = MAX_ENTRY_BYTES } = collector;
  const startedMs = performance.now();
  const stopped = new AbortController();
  let [text, isOver] = ["", false];
  const add = (piece: string) => {
    // Somewhat more than fits, so that it shows that something is cut off.
    if (!isOver && text.length <= maxBytes) text += piece;
  };
  const late = Promise.withResolvers<string>();
  const timer = setTimeout(() => late.resolve(`not done within ${withinMs / MS_PER_SECOND} s`), withinMs);
  const outcome = work(collector, add, stopped.signal);
  const failure = await Promise.race([outcome, late.promise]);
  clearTimeout(timer);
  isOver = true;
  stopped.abort();
  return { text, failure, tookMs: Math.round(performance.now() - startedMs) };
}

/** Null where all went well; else why not. A bundle is for when things fail, so no failure is too odd to go on. */
async function work(
  collector: Collector,
  add: (text: string) => void,
  signal: AbortSignal,
): Promise<string | null> {
  try {
    await collector.collect(add, signal);
    return null;
  } catch (error) {
    return failureText(error);
  }
}

function failureText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const causes = [error.message === "" ? error.name : error.message];
  for (let { cause } = error; cause instanceof Error && causes.length < 4; cause = cause.cause)
    if (cause.message !== "") causes.push(cause.message);
  return causes.join(": ");
}

function reasonText(reason: string, redactor: Redactor): string {
  return redactor.redacted(reason).text.replace(/\s+/g, " ").slice(0, MAX_REASON);
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** Whole characters of it. */
function withinBytes(text: string, max: number): string {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= max) return text;
  let end = Math.max(0, max);
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return new TextDecoder().decode(bytes.subarray(0, end));
}

/** A line for each entry that is missing or not whole. */
export function remarksOf({ described, left_out: leftOut }: Collected): string[] {
  return [
    ...leftOut.map(({ name, reason }) => `left out: ${name}: ${reason}`),
    ...described.flatMap(({ name, incomplete }) =>
      incomplete === undefined ? [] : [`not whole: ${name}: ${incomplete}`],
    ),
  ];
}

/** A document of its own, as a text to add. */
export function documentText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
