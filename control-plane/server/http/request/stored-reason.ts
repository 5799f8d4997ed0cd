/** Reasons as answers have them beside their texts: what was written as a text has the code of that. */
import { z } from "@hono/zod-openapi";
import { AS_REPORTED } from "@remotegpu/shared/reasons/wording";

/** By their names; which there are follows from the code. */
export const ReasonParams = z.record(z.string(), z.unknown());

export const STORED_REASON = { reason_code: z.string().nullable(), reason_params: ReasonParams.nullable() };

interface ReasonRow {
  reason_code: string | null;
  reason_params: Record<string, unknown> | null;
}

/** Null where there is no text. */
export function storedReason(text: string | null, row: ReasonRow): ReasonRow {
  if (text === null) return { reason_code: null, reason_params: null };
  return row.reason_code === null
    ? { reason_code: AS_REPORTED, reason_params: { text } }
    : { reason_code: row.reason_code, reason_params: row.reason_params };
}
