/**
 * Rules of a job's people on what its failed attempts wrote last: a literal text that tells of a bad host, which the next
 * attempt avoids, or of a mistake that no other attempt mends. Judged over the last lines that are kept of each run.
 */
import type { Reason } from "../reasons/reason.ts";
export const LOG_RULE_ACTIONS = ["avoid_host", "do_not_retry"] as const;
export const MAX_LOG_RULES = 16;
export const MAX_LOG_RULE_TEXT = 200;

export interface LogRule {
  /** Shown where it was heeded. */
  name: string;
  text: string;
  action: (typeof LOG_RULE_ACTIONS)[number];
}

/** The first, in the order of the rules, whose text is in any of these. */
export function ruleFor(rules: readonly LogRule[], tails: readonly string[]): LogRule | null {
  return rules.find(({ text }) => tails.some((tail) => tail.includes(text))) ?? null;
}

/** What is said where one was heeded. */
export function ruleReason({ name, action }: LogRule): Reason {
  return {
    code: action === "do_not_retry" ? "log-rule-ends" : "log-rule-avoids-host",
    params: { rule: name },
  };
}
