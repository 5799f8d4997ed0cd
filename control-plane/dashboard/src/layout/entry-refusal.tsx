/** Why the server let nobody in, in the reader's language. */
import { useTranslation } from "react-i18next";
import { Problem } from "../api/client.ts";
import { ServerText } from "../components/text/server-text.tsx";

const TOO_MANY = 429;
/** What the page says in words of its own. */
const WORDS = {
  "key-malformed": "login.typed.other",
  "key-unknown": "login.refused.key-unknown",
  "key-expired": "login.refused.key-expired",
  "ticket-spent": "login.refused.ticket-spent",
  "session-doubled": "login.ended.doubled",
  "account-suspended": "login.refused.account-suspended",
} as const;

export function EntryRefusal({ of }: { of: Error }) {
  const { t } = useTranslation();
  if (!(of instanceof Problem)) return <bdi>{of.message}</bdi>;
  const { reason, status, message, code, params } = of;
  if (isWorded(reason)) return <bdi>{t(WORDS[reason], { server: location.host })}</bdi>;
  if (status === TOO_MANY) return <bdi>{t("login.tooMany")}</bdi>;
  return (
    <ServerText code={code} params={params}>
      {message}
    </ServerText>
  );
}

function isWorded(reason: string | null): reason is keyof typeof WORDS {
  return reason !== null && Object.hasOwn(WORDS, reason);
}
