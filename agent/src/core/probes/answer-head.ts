/**
 * The head of an answer in HTTP/1, as far as a probe needs it: its status, and that it came to its end. All else is passed
 * over unread, so that nothing a program can say there costs or does anything. Pure.
 */
import { KIB } from "@remotegpu/shared/values/units";
import type { Reply } from "./probe-answer.ts";

export const MAX_HEAD_BYTES = 16 * KIB;

const BEGINNING = "HTTP/1.";
const STATUS_LINE = /^HTTP\/1\.[01] ([1-9][0-9]{2})(?: [^\r\n]*)?\r?\n/;
const HEAD_END = /\n\r?\n/g;
/** An interim answer is followed by another; this one by what is no HTTP any more. */
const SWITCHING = 101;
const FINAL_FROM = 200;

export type Head = { kind: "incomplete" } | Extract<Reply, { kind: "status" | "no-http" | "endless-head" }>;

/** @param text all that has come so far, a character each byte */
export function headOf(text: string): Head {
  for (let at = 0; ;) {
    const begun = text.slice(at, at + BEGINNING.length);
    if (!BEGINNING.startsWith(begun)) return { kind: "no-http" };
    HEAD_END.lastIndex = at;
    const hasEnded = HEAD_END.test(text);
    if (!hasEnded) return text.length > MAX_HEAD_BYTES ? { kind: "endless-head" } : { kind: "incomplete" };
    const end = HEAD_END.lastIndex;
    const status = Number(STATUS_LINE.exec(text.slice(at, end))?.[1]);
    if (Number.isNaN(status)) return { kind: "no-http" };
    if (status >= FINAL_FROM || status === SWITCHING) return { kind: "status", status };
    at = end;
  }
}
