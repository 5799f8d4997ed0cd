/**
 * The tokens that an answer in OpenAI's manner says it used, read of the end of its body. What is not said there, or cannot
 * be meant, is not known: nothing is estimated.
 */

export interface Tokens {
  prompt: number;
  completion: number;
}

/** How a body tells it. */
export type UsageForm = "json" | "stream";

/** More than this of one answer is no number that anybody counted. */
const MAX_TOKENS = 1_000_000_000;
/** A body may have the word in other places, too. */
const MAX_PLACES = 8;
/** So many events of a stream count, from its end. */
const LAST_EVENTS = 8;
const KEY = '"usage"';

/** Where such answers are expected: one that is silent there is told as such. */
const OPENAI_PATH = /^[^?]*\/(?:chat\/completions|completions|embeddings|responses)\/?(?:\?|$)/;

export function isOpenAiPath(path: string): boolean {
  return OPENAI_PATH.test(path);
}

/** Null for a body that is read by nobody here: compressed, or of another type. */
export function usageFormOf(headers: {
  "content-type"?: unknown;
  "content-encoding"?: unknown;
}): UsageForm | null {
  const encoding = headers["content-encoding"];
  if (encoding !== undefined && encoding !== "identity") return null;
  const text = headers["content-type"];
  const [type = ""] = typeof text === "string" ? text.split(";") : [];
  switch (type.trim().toLowerCase()) {
    case "application/json":
      return "json";
    case "text/event-stream":
      return "stream";
  }
  return null;
}

/** @param end one letter a byte. @param isAll whether the body has nothing before it */
export function readUsage(form: UsageForm, end: string, isAll: boolean): Tokens | null {
  return form === "json" ? usageOfJson(end, isAll) : usageOfStream(end, isAll);
}

/** The usage in the outermost object. Its beginning may be missing, so the word is searched from the end. */
function usageOfJson(end: string, isAll: boolean): Tokens | null {
  let at = end.length;
  for (let place = 0; place < MAX_PLACES && at > 0; place += 1) {
    at = end.lastIndexOf(KEY, at - 1);
    if (at < 0) return null;
    // A quote that is escaped is within a text; of the first letter nobody knows.
    if (end[at - 1] === "\\" || (at === 0 && !isAll)) continue;
    const value = outermostValue(end, at + KEY.length);
    if (value !== null) return tokensOf(parsed(value));
  }
  return null;
}

/** What stands behind the key that ends at `from`, if the object it is in is the outermost one and ends with the text. */
function outermostValue(text: string, from: number): string | null {
  const colon = afterSpace(text, from);
  if (text[colon] !== ":") return null;
  let depth = 1;
  let valueEnd = -1;
  let isText = false;
  for (let at = colon + 1; at < text.length; at += 1) {
    const letter = text[at];
    if (isText) {
      if (letter === "\\") at += 1;
      else if (letter === '"') isText = false;
      continue;
    }
    if (letter === '"') isText = true;
    else if (letter === "{" || letter === "[") depth += 1;
    else if (letter === "}" || letter === "]") depth -= 1;
    if (valueEnd < 0 && ((depth === 1 && letter === ",") || depth === 0)) valueEnd = at;
    if (depth === 0) return afterSpace(text, at + 1) === text.length ? text.slice(colon + 1, valueEnd) : null;
  }
  return null;
}

function afterSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length && " \t\r\n".includes(text[at] ?? "")) at += 1;
  return at;
}

/** The usage of the last event that has one. */
function usageOfStream(end: string, isAll: boolean): Tokens | null {
  const events = end.replaceAll(/\r\n?/g, "\n").split("\n\n");
  // The first one may have lost its beginning.
  if (!isAll) events.shift();
  for (const event of events.slice(-LAST_EVENTS).toReversed()) {
    const text = parsed(dataOf(event));
    const usage = isObject(text) ? text["usage"] : null;
    if (isObject(usage)) return tokensOf(usage);
  }
  return null;
}

function dataOf(event: string): string {
  const lines = event.split("\n").filter((line) => line.startsWith("data:"));
  return lines.map((line) => line.slice("data:".length)).join("\n");
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Whoever runs in a replica writes what it likes.
    return null;
  }
}

function tokensOf(usage: unknown): Tokens | null {
  if (!isObject(usage)) return null;
  const prompt = usage["prompt_tokens"] ?? usage["input_tokens"];
  // Embeddings complete nothing, and do not say so.
  const completion = usage["completion_tokens"] ?? usage["output_tokens"] ?? 0;
  return isCount(prompt) && isCount(completion) ? { prompt, completion } : null;
}

function isCount(reported: unknown): reported is number {
  return Number.isSafeInteger(reported) && (reported as number) >= 0 && (reported as number) <= MAX_TOKENS;
}

function isObject(reported: unknown): reported is Record<string, unknown> {
  return typeof reported === "object" && reported !== null && !Array.isArray(reported);
}
