/**
 * A sentence of the server, in the reader's language where we have words for it. What stays as the server said it is marked
 * as its language, so that it is read out as what it is.
 */
import { Fragment } from "react";
import { useTranslation } from "react-i18next";
import { Problem } from "../../api/client.ts";
import { translationOf, wordingOfReason } from "../../locales/languages.ts";
import { contained } from "../../locales/isolated.ts";
import { REFUSALS } from "./refusals.ts";
import type { Piece } from "../../locales/translator.ts";

export function ServerText({
  children,
  code = null,
  params = null,
}: {
  children: string | null | undefined;
  /** Of the reason that the text is of. */
  code?: string | null;
  params?: Record<string, unknown> | null;
}) {
  const { i18n } = useTranslation();
  if (children === null || children === undefined || children === "") return null;
  if (i18n.language === "en") return <bdi>{contained(children)}</bdi>;
  const worded = code === null || params === null ? null : wordingOfReason(code, params);
  const pieces = worded ?? translationOf(children);
  if (pieces === null) return <bdi {...langOf(children)}>{contained(children)}</bdi>;
  return (
    <bdi>
      {pieces.map((piece, nth) => (
        // They stand in this order, and none of them has anything of its own.
        // oxlint-disable-next-line react/no-array-index-key
        <Fragment key={nth}>
          <Stretch piece={piece} />
        </Fragment>
      ))}
    </bdi>
  );
}

function Stretch({ piece: { text, isTheirs } }: { piece: Piece }) {
  return isTheirs ? <bdi {...langOf(text)}>{contained(text)}</bdi> : contained(text);
}

/** What was asked for, as the audit log names it: `environment.stop`. */
export function AuditAction({ children }: { children: string }) {
  const { i18n } = useTranslation();
  const [resource = "", act = ""] = children.split(".");
  if (i18n.language === "en" || act === "") return <ServerText>{children}</ServerText>;
  return (
    // Filters are built on the word itself.
    <span title={children}>
      <ServerText>{resource}</ServerText> · <ServerText>{act}</ServerText>
    </span>
  );
}

/** Where no element may stand, as in a choice. */
export function useServerText(): (text: string) => string {
  const { i18n } = useTranslation();
  return (text) => {
    const pieces = i18n.language === "en" ? null : translationOf(text);
    return pieces === null ? text : pieces.map((piece) => piece.text).join("");
  };
}

/** What has letters of the page's language is no sentence of the server: a person wrote it, or it is ours. */
function langOf(text: string): { lang?: "en" } {
  return /\p{Script=Han}/u.test(text) ? {} : { lang: "en" };
}

/** Why something was refused or could not be had; where its sentence is not ours, its kind is told in our words before it. */
export function Refusal({ of }: { of: Error | string }) {
  const { t, i18n } = useTranslation("parts");
  const text = typeof of === "string" ? of : of.message;
  const isForeign = of instanceof Problem && i18n.language !== "en" && translationOf(text) === null;
  const kind = isForeign ? REFUSALS[of.status as keyof typeof REFUSALS] : undefined;
  return (
    <>
      {kind !== undefined && t(`refusal.${kind}`)} <ServerText>{text}</ServerText>
    </>
  );
}
