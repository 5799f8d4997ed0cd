/** Why the server let nobody in, in the reader's language as far as it said it by a word of its own. */
import { useTranslation } from "react-i18next";
import { Problem } from "../api/client.ts";

const TOO_MANY = 429;
const REPORTED = {
  "key-malformed": "login.typed.other",
  "key-unknown": "login.refused.key-unknown",
  "key-expired": "login.refused.key-expired",
  "ticket-spent": "login.refused.ticket-spent",
  "session-doubled": "login.ended.doubled",
  "account-suspended": "login.refused.account-suspended",
} as const;

export function useRefusalText(): (failure: unknown) => string {
  const { t } = useTranslation();
  return (failure) => {
    if (!(failure instanceof Problem)) return failure instanceof Error ? failure.message : String(failure);
    const { reason, status, message } = failure;
    if (isReported(reason)) return t(REPORTED[reason], { server: location.host });
    return status === TOO_MANY ? t("login.tooMany") : message;
  };
}

function isReported(reason: string | null): reason is keyof typeof REPORTED {
  return reason !== null && Object.hasOwn(REPORTED, reason);
}
