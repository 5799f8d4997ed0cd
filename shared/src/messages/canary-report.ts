/** What came of the last canary of a host: a container that tries what every container must be refused. */
import { z } from "zod";
import { ReportedReason } from "../reasons/host-reports/reported-reason.ts";
import { text } from "../values/text.ts";

export const CANARY_OUTCOMES = [
  /** Nothing that was tried succeeded. */
  "refused",
  /** Something did: a hole in what parts containers from their host and from each other. */
  "succeeded",
  /** The host was full. */
  "left-out",
  /** It could not be made, or did not come to its end: nothing is known. */
  "failed",
  /** Its operator has switched it off. */
  "off",
] as const;
export type CanaryOutcome = (typeof CANARY_OUTCOMES)[number];

const AttemptName = z.string().regex(/^[a-z][a-z0-9-]{0,47}$/);

export const MAX_CANARY_SUCCESSES = 16;
export const MAX_CANARY_UNCLEAR = 64;
export const MAX_CANARY_DETAIL = 300;

export const CanaryReport = z.object({
  /** When it ended or was left out, in milliseconds of the host's wall clock: a label that tells one from the next. */
  atMs: z.int().nonnegative(),
  outcome: z.enum(CANARY_OUTCOMES),
  /** A sentence: why it was left out or failed; null for any other outcome. */
  detail: text(MAX_CANARY_DETAIL).nullable(),
  /** The detail as a code. Agents of before send none. */
  why: ReportedReason,
  /** What succeeded, each with a sentence of what a container could do. */
  succeeded: z
    .array(z.object({ attempt: AttemptName, detail: text(MAX_CANARY_DETAIL) }))
    .max(MAX_CANARY_SUCCESSES),
  /** What could not be tried, or was answered with an error that says neither. */
  unclear: z.array(AttemptName).max(MAX_CANARY_UNCLEAR),
});
export type CanaryReport = z.infer<typeof CanaryReport>;
