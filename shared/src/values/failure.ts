/**
 * The reason of a check of a schema that has words of its own: `z.string().regex(/…/, failure(reason, text))`. The issue that
 * zod makes of a value which fails it has the text as its message and carries the reason.
 */

interface CheckReason {
  readonly code: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** An issue as zod makes it, before its message is known: what is set on it stays on it. */
type RawIssue = Record<string, unknown>;

export function failure(reason: CheckReason, text: string) {
  return {
    error: (issue: RawIssue): string => {
      issue["params"] = { reason };
      return text;
    },
  };
}
