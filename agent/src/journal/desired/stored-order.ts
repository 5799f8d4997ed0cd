/**
 * An order as the journal keeps it: as it came, since one that this agent does not understand a later one may. Whether it
 * is understood is found anew at each reading.
 */
import { readOrder, type ReadOrder } from "@remotegpu/shared/messages/one-by-one";

export type StoredOrder = Exclude<ReadOrder, { kind: "unreadable" }>;

/** Null for what is nobody's order. */
export function storedOrder(raw: unknown): StoredOrder | null {
  const read = readOrder(raw);
  return read.kind === "unreadable" ? null : read;
}
