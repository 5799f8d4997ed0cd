/**
 * A reason as tables have it: its English text, its code and its parameters. What came as a text has neither code nor
 * parameters, as what older versions wrote; the database forgets both where another text is written alone.
 */
import { AS_REPORTED } from "@remotegpu/shared/reasons/wording";
import { inEnglish } from "../../../core/reasons/english/english.ts";
import { asReported, isReason, type Reason } from "../../../core/reasons/reason.ts";

export interface ReasonColumns {
  text: string;
  code: string | null;
  /** JSON. */
  params: string | null;
}

const NOTHING = { text: null, code: null, params: null };

export function reasonColumns(reason: Reason): ReasonColumns;
export function reasonColumns(reason: Reason | null): ReasonColumns | typeof NOTHING;
export function reasonColumns(reason: Reason | null): ReasonColumns | typeof NOTHING {
  if (reason === null) return NOTHING;
  const known = cached.get(reason);
  if (known !== undefined) return known;
  const isText = reason.code === AS_REPORTED;
  const columns = {
    text: inEnglish(reason),
    code: isText ? null : reason.code,
    params: isText ? null : JSON.stringify(reason.params),
  };
  cached.set(reason, columns);
  return columns;
}

/** The code and the parameters of its columns, for rows that are written from JSON. */
export function reasonData({ code, params }: Reason): { code: string | null; params: object | null } {
  return code === AS_REPORTED ? { code: null, params: null } : { code, params };
}

/** A pass of the scheduler gives one reason to all orders of a shape. */
const cached = new WeakMap<Reason, ReasonColumns>();

/** As a table has a reason. */
export interface StoredReason {
  text: string | null;
  code: string | null;
  params: Record<string, unknown> | null;
}

/** A code whose text is another one was written before the text: by a version that writes no codes, it was replaced alone. */
export function storedReason(stored: StoredReason | null): Reason | null {
  if (stored === null || stored.text === null) return null;
  const { text, code, params } = stored;
  const reason = { code, params };
  return isReason(reason) && inEnglish(reason) === text ? reason : asReported(text);
}

/** Null where a host has nothing to report, which tables have as an empty text. */
export function reportedDetail(stored: StoredReason): Reason | null {
  return stored.text === "" ? null : storedReason(stored);
}

/** SQL: a StoredReason of a text of a table that has its code and parameters beside it. */
export function storedReasonColumn(row: string, text: string): string {
  return `jsonb_build_object('text', ${row}.${text}, 'code', ${row}.${text}_code, 'params', ${row}.${text}_params)`;
}

/** SQL: the same, and null where there is no text: in rows of which few have one. */
export function optionalReasonColumn(row: string, text: string): string {
  return `CASE WHEN ${row}.${text} IS NOT NULL THEN ${storedReasonColumn(row, text)} END`;
}

/** Of several rows, each column as one list. */
export function reasonLists(reasons: readonly (Reason | null)[]) {
  const columns = reasons.map((reason) => reasonColumns(reason));
  return {
    texts: columns.map(({ text }) => text),
    codes: columns.map(({ code }) => code),
    params: columns.map(({ params }) => params),
  };
}

/**
 * SQL of the two columns beside the text of a status: what was written as a text has the code and the parameters of that.
 * @param shown.text the text, where it is not always the row's own
 * @param shown.isOther whether it is another text than the row's
 */
export function statusReasonColumns(
  row: string,
  shown = { text: `${row}.status_reason`, isOther: "false" },
): string {
  const isText = `${shown.isOther} OR ${row}.status_reason_code IS NULL`;
  const columns = (asText: string, own: string) =>
    `CASE WHEN ${shown.text} IS NULL THEN NULL WHEN ${isText} THEN ${asText} ELSE ${row}.${own} END AS ${own}`;
  return `${columns(`'${AS_REPORTED}'`, "status_reason_code")},
    ${columns(`jsonb_build_object('text', ${shown.text})`, "status_reason_params")}`;
}

/** As the columns are read. */
export interface StatusReasonRow {
  status_reason: string | null;
  status_reason_code: string | null;
  status_reason_params: Record<string, unknown> | null;
}
