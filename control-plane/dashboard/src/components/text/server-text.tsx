/**
 * A reason of the server in the reader's language, by its code and parameters. What has no code, or one of another version,
 * stays as it was reported and is marked as its language, so that it is read out as what it is.
 */
import type { Piece } from "@remotegpu/shared/reasons/wording";
import { Fragment } from "react";
import { useTranslation } from "react-i18next";
import { Problem } from "../../api/client.ts";
import { wordingOfReason } from "../../locales/languages.ts";
import { contained } from "../../locales/isolated.ts";
import { REFUSALS } from "./refusals.ts";

interface ServerTextOf {
  children: string | null | undefined;
  /** The code of the reason that the text words. */
  code?: string | null;
  params?: Readonly<Record<string, unknown>> | null;
}

export function ServerText({ children, code = null, params = null }: ServerTextOf) {
  const { i18n } = useTranslation();
  if (children === null || children === undefined || children === "") return null;
  if (i18n.language === "en") return <bdi>{contained(children)}</bdi>;
  const pieces = wordingOfReason({ code, params });
  if (pieces === null) return <AsReported>{children}</AsReported>;
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

function Stretch({ piece: { text, isReported } }: { piece: Piece }) {
  return isReported ? <AsReported>{text}</AsReported> : contained(text);
}

/** A text of the server, a host or a person as it came. */
export function AsReported({ children }: { children: string }) {
  const { i18n } = useTranslation();
  return <bdi {...langOf(children, i18n.language)}>{contained(children)}</bdi>;
}

/** What has letters of the page's language is no sentence of the server: a person wrote it, or it is ours. */
function langOf(text: string, language: string): { lang?: "en" } {
  return language === "en" || /\p{Script=Han}/u.test(text) ? {} : { lang: "en" };
}

/** Why something was refused or could not be had; where its sentence has no wording, its kind stands before it. */
export function Refusal({ of }: { of: Error }) {
  const { t, i18n } = useTranslation("parts");
  if (!(of instanceof Problem)) return <AsReported>{of.message}</AsReported>;
  const pieces = wordingOfReason(of) ?? [];
  const isForeign = i18n.language !== "en" && pieces.every(({ isReported }) => isReported);
  const kind = isForeign ? REFUSALS[of.status as keyof typeof REFUSALS] : undefined;
  return (
    <>
      {kind !== undefined && t(`refusal.${kind}`)}{" "}
      <ServerText code={of.code} params={of.params}>
        {of.message}
      </ServerText>
    </>
  );
}
