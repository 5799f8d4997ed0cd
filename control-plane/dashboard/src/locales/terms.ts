/**
 * The words by which the API names kinds of things, in Chinese; whoever reads English reads the API's own. A kind that the
 * API enumerates has a word for each, or this does not compile.
 */
import type {
  ListAuditLogTargetKind,
  PostedPaymentKind,
} from "@remotegpu/control-plane/client/generated/api.schemas";
import { CHINESE_TERMS } from "@remotegpu/control-plane/server/core/reasons/chinese/terms";

export type TermKind = "resource" | "action" | "alarm" | "event" | "payment";

interface Terms extends Record<TermKind, Readonly<Record<string, string>>> {
  resource: Readonly<Record<ListAuditLogTargetKind, string>>;
  payment: Readonly<Record<PostedPaymentKind, string>>;
}

const TERMS: Terms = CHINESE_TERMS;

/** @returns null for a word of another version, which is shown as it came */
export function chineseTerm(kind: TermKind, word: string): string | null {
  const words: Readonly<Record<string, string>> = TERMS[kind];
  return Object.hasOwn(words, word) ? (words[word] ?? null) : null;
}
