/**
 * A reason in an answer: its code and parameters, beside the text that has always been there. What was stored as a text
 * alone has the code of that.
 */
import { z } from "@hono/zod-openapi";
import { AS_REPORTED } from "@remotegpu/shared/reasons/wording";
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import { reportedReason } from "../../core/reasons/host-report.ts";
import { inEnglish } from "../../core/reasons/english/english.ts";
import type { Reason, ReasonCode } from "../../core/reasons/reason.ts";
import type { StatusReasonRow } from "../../store/database/values/reason-columns.ts";

const CODE_DESCRIPTION =
  "The same as a stable name, for programs and translations; as-reported where it came as a text. Versions may add some";
const PARAMS_DESCRIPTION = "The numbers, names and further reasons that the code's text shows";

/** Which codes there are, each version may add to. */
const ReasonCodeAnswer = z.string().nullable();
/** The parameters by their names; which there are follows from the code. */
export const ReasonParams = z.record(z.string(), z.unknown());
const ReasonParamsAnswer = ReasonParams.nullable();

/** The field `X_code` beside the text `X`. */
export const reasonCode = (example: ReasonCode) =>
  ReasonCodeAnswer.openapi({ description: CODE_DESCRIPTION, example });
/** The field `X_params` beside the text `X`. */
export const reasonParams = (example: Record<string, unknown> = {}) =>
  ReasonParamsAnswer.openapi({ description: PARAMS_DESCRIPTION, example });

/** Beside a `reason`. */
export const REASON_FIELDS = {
  reason_code: reasonCode("host-cordoned"),
  reason_params: reasonParams(),
};
/** Beside a `status_reason`. */
export const STATUS_REASON_FIELDS = {
  status_reason_code: reasonCode("waiting-for-quota"),
  status_reason_params: reasonParams(),
};
/** Beside a `sentence`. */
export const SENTENCE_FIELDS = {
  sentence_code: reasonCode("gpu-failed"),
  sentence_params: reasonParams(),
};
/** Beside a `cause`. */
export const CAUSE_FIELDS = {
  cause_code: reasonCode("rollout-called-off"),
  cause_params: reasonParams(),
};
/** Beside a `dismissal`. */
export const DISMISSAL_FIELDS = {
  dismissal_code: reasonCode("replicas-scaled-down"),
  dismissal_params: reasonParams(),
};

/** Beside a `detail`: what a host reports of something. */
export const DETAIL_FIELDS = {
  detail_code: reasonCode("run-running"),
  detail_params: reasonParams(),
};

interface DetailAnswer {
  detail_code: string | null;
  detail_params: Record<string, unknown> | null;
}

/** The fields of a row that has the text of a detail with its code and parameters. */
export function detailAnswer(row: DetailAnswer & { detail: string | null }): DetailAnswer {
  const { detail, detail_code: code, detail_params: params } = row;
  const { reason_code, reason_params } = storedReason(detail, { reason_code: code, reason_params: params });
  return { detail_code: reason_code, detail_params: reason_params };
}

/** The fields of a text that a host reported, by the reason that it sent beside it. */
export function reportedDetail(text: string, reason: HostReason | undefined): DetailAnswer {
  const { code, params } = reportedReason(text, reason);
  return { detail_code: code, detail_params: { ...params } };
}

interface ReasonRow {
  reason_code: string | null;
  reason_params: Record<string, unknown> | null;
}

export interface ReasonAnswer extends ReasonRow {
  reason: string | null;
}

export function reasonAnswer(reason: Reason): ReasonAnswer & { reason: string };
export function reasonAnswer(reason: Reason | null): ReasonAnswer;
export function reasonAnswer(reason: Reason | null): ReasonAnswer {
  return {
    reason: reason && inEnglish(reason),
    reason_code: reason?.code ?? null,
    reason_params: reason && { ...reason.params },
  };
}

/** `cause` with `cause_code` and `cause_params`, say. */
type NamedReason<Name extends string, Text> = Record<Name, Text> &
  Record<`${Name}_code`, string | null> &
  Record<`${Name}_params`, Record<string, unknown> | null>;

/** A reason as an answer has it in a field of another name. */
export function namedReason<Name extends string>(name: Name, reason: Reason): NamedReason<Name, string>;
export function namedReason<Name extends string>(
  name: Name,
  reason: Reason | null,
): NamedReason<Name, string | null>;
export function namedReason(name: string, given: Reason | null): Record<string, unknown> {
  const { reason, reason_code: code, reason_params: params } = reasonAnswer(given);
  return { [name]: reason, [`${name}_code`]: code, [`${name}_params`]: params };
}

/** The reason of a status as the `reason` of another answer; null where the status has none. */
export function statusReasonOf(row: StatusReasonRow): ReasonAnswer | null {
  if (row.status_reason === null) return null;
  return {
    reason: row.status_reason,
    reason_code: row.status_reason_code,
    reason_params: row.status_reason_params,
  };
}

/** The code and parameters of a stored reason; null where there is no text. */
export function storedReason(text: string | null, row: ReasonRow): ReasonRow {
  if (text === null) return { reason_code: null, reason_params: null };
  return row.reason_code === null
    ? { reason_code: AS_REPORTED, reason_params: { text } }
    : { reason_code: row.reason_code, reason_params: row.reason_params };
}
