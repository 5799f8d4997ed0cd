/**
 * The reason beside a text that a host reports. It is optional: agents of before send none, and one that this side does not
 * know, or that holds more than any text shows, counts as none; the report that carries it is taken all the same.
 */
import { z } from "zod";
import { type HostReason, isHostReason } from "./host-reason.ts";

/** Sequences of sentences that hold another reason, with the lists between them. */
const MAX_DEPTH = 12;
const MAX_VALUES = 256;
/** All names and texts of one reason; twice what the longest text of a report may have. */
const MAX_CHARACTERS = 4_096;

const Known = z.custom<HostReason>((value) => isBounded(value) && isHostReason(value));

export const ReportedReason = Known.optional().catch(undefined);

/** Before anything walks through it: what a host sends may be as deep and as long as a message. */
export function isBounded(value: unknown): boolean {
  const room = { values: MAX_VALUES, characters: MAX_CHARACTERS };
  return fits(value, MAX_DEPTH, room);
}

function fits(value: unknown, depth: number, room: { values: number; characters: number }): boolean {
  room.values -= 1;
  if (depth === 0 || room.values < 0) return false;
  if (typeof value === "string") return isShort(value, room);
  if (typeof value !== "object" || value === null) return true;
  return Object.entries(value).every(([name, one]) => isShort(name, room) && fits(one, depth - 1, room));
}

/** Neither database nor JSON takes a NUL or half a surrogate pair. */
function isShort(text: string, room: { characters: number }): boolean {
  room.characters -= text.length;
  return room.characters >= 0 && !text.includes("\u0000") && text.isWellFormed();
}
