/** A word by which the API names a kind of thing, in the reader's language where there is one for it. */
import { useTranslation } from "react-i18next";
import { termOf } from "../../locales/languages.ts";
import type { TermKind } from "../../locales/terms.ts";
import { AsReported } from "./server-text.tsx";

interface TermOf {
  kind: TermKind;
  children: string | null;
}

export function Term({ kind, children: word }: TermOf) {
  const term = useTerm(kind);
  if (word === null || word === "") return null;
  const own = term(word);
  return own === null ? <AsReported>{word}</AsReported> : <bdi>{own}</bdi>;
}

/** The word alone, where no element may stand, as in a choice; null where the language has none of its own. */
export function useTerm(kind: TermKind): (word: string) => string | null {
  const { i18n } = useTranslation();
  return (word) => (i18n.language === "en" ? null : termOf(kind, word));
}
