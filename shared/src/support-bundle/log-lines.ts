/**
 * Lines of our programs' logs as a support bundle has them: time, level, message and traces, numbers, and of other fields
 * those that are named here; of all others the length. A line that is none of ours goes through the redaction alone.
 */
import type { Redactor } from "./redaction.ts";

/** Fields whose texts are ours, ids, or addresses of our own machines. Names, images and paths of customers are none. */
const INCLUDED = new Set([
  ..."time level msg trace_id span_id error type message because stack code reason why problem fault invalid".split(
    " ",
  ),
  ..."phase outcome result kind method loop state action cause status release version file stream".split(" "),
  ..."host hostId runId instanceId containerId leaseId environmentId uuid gpu id holder".split(" "),
  ..."server address socket unit signal from to of bundle check".split(" "),
]);

/** Shorter ones are in too many other words to be searched for. */
const SHORTEST_QUOTED = 4;

interface RedactedLine {
  line: string;
  /** So many places were replaced or shortened to their length. */
  count: number;
}

/** @param line as JSON, or as `--log-format text` writes it */
export function redactedLine(line: string, redactor: Redactor): RedactedLine {
  const parts: Parts = { redactor, leftOut: new Set(), count: 0 };
  const fields = objectOf(line);
  const written = fields === null ? textLine(line, parts) : JSON.stringify(withIncluded(fields, parts));
  return { line: written, count: parts.count };
}

interface Parts {
  readonly redactor: Redactor;
  /** Texts of fields that are left out: messages quote them. */
  readonly leftOut: Set<string>;
  count: number;
}

function withIncluded(fields: Readonly<Record<string, unknown>>, parts: Parts): Record<string, unknown> {
  for (const [name, value] of Object.entries(fields)) noteLeftOut(value, { isKnown: isKnown(name), parts });
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, included(value, { isKnown: isKnown(name), parts })]),
  );
}

function isKnown(name: string): boolean {
  return INCLUDED.has(name);
}

/** Below a field that is not known nothing is: a customer's variable may have any name. */
function included(value: unknown, at: { isKnown: boolean; parts: Parts }): unknown {
  if (Array.isArray(value)) return value.map((one) => included(one, at));
  if (typeof value === "object" && value !== null)
    return Object.fromEntries(
      Object.entries(value).map(([name, one]) => [
        name,
        included(one, { ...at, isKnown: at.isKnown && isKnown(name) }),
      ]),
    );
  if (typeof value !== "string") return value;
  if (at.isKnown) return through(value, at.parts);
  at.parts.count += 1;
  return lengthOf(value);
}

function noteLeftOut(value: unknown, at: { isKnown: boolean; parts: Parts }): void {
  if (typeof value === "string") {
    if (!at.isKnown && value.length >= SHORTEST_QUOTED) at.parts.leftOut.add(value);
  } else if (typeof value === "object" && value !== null)
    for (const [name, one] of Object.entries(value))
      noteLeftOut(one, { ...at, isKnown: at.isKnown && (Array.isArray(value) || isKnown(name)) });
}

function through(text: string, parts: Parts): string {
  let unquoted = text;
  for (const quoted of parts.leftOut) unquoted = unquoted.replaceAll(quoted, lengthOf(quoted));
  const { text: redacted, count } = parts.redactor.redacted(unquoted);
  parts.count += count;
  return redacted;
}

function lengthOf(text: string): string {
  return `[${text.length} characters]`;
}

const FIELD = /\s([A-Za-z_]\w{0,63})=/g;

interface TextField {
  name: string;
  /** Where it begins with its name, its value begins, and it ends. */
  from: number;
  at: number;
  end: number;
  value: unknown;
}

/** Each NAME=VALUE of it as in JSON, and between them the redaction. */
function textLine(line: string, parts: Parts): string {
  const fields = fieldsOf(line);
  for (const { name, value } of fields) noteLeftOut(value, { isKnown: isKnown(name), parts });
  let [written, done] = ["", 0];
  for (const { name, from, at, end, value } of fields) {
    const safe = included(value, { isKnown: isKnown(name), parts });
    const isSame = JSON.stringify(safe) === JSON.stringify(value);
    const text = typeof value === "string" ? String(safe) : JSON.stringify(safe);
    written += through(line.slice(done, from), parts) + line.slice(from, at);
    written += isSame ? line.slice(at, end) : text;
    done = end;
  }
  return written + through(line.slice(done), parts);
}

function fieldsOf(line: string): TextField[] {
  const fields: TextField[] = [];
  for (const match of line.matchAll(FIELD)) {
    const [whole, name = ""] = match;
    const [from, at] = [match.index, match.index + whole.length];
    // What stands within the value before is none.
    if (from < (fields.at(-1)?.end ?? 0)) continue;
    const end = endOfValue(line, at);
    fields.push({ name, from, at, end, value: valueOf(line.slice(at, end)) });
  }
  return fields;
}

/** Of JSON up to its end, of anything else up to a blank. */
function endOfValue(line: string, at: number): number {
  const blank = line.slice(at).search(/\s/);
  const plain = blank === -1 ? line.length : at + blank;
  if (!/["{[]/.test(line[at] ?? "")) return plain;
  let [depth, isQuoted] = [0, false];
  for (let next = at; next < line.length; next += 1) {
    const one = line[next] ?? "";
    if (isQuoted && one === "\\") next += 1;
    else if (one === '"') isQuoted = !isQuoted;
    else if (!isQuoted && /[{[]/.test(one)) depth += 1;
    else if (!isQuoted && /[}\]]/.test(one)) depth -= 1;
    if (depth === 0 && !isQuoted) return next + 1;
  }
  return line.length;
}

/** What is no JSON is text; numbers stay as they were written. */
function valueOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function objectOf(line: string): Record<string, unknown> | null {
  if (!line.startsWith("{")) return null;
  const value = valueOf(line);
  return typeof value === "object" && value !== null ? { ...value } : null;
}
