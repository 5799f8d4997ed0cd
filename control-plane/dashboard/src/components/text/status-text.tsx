/** A state by its word, which is the API's where we have none of our own. */
import { useTranslation } from "react-i18next";
import { AsReported } from "./server-text.tsx";

export function StatusText({ children: status }: { children: string }) {
  const word = useStatusWord()(status);
  return word === null ? <AsReported>{status}</AsReported> : <bdi>{word}</bdi>;
}

/** Null where we have none. */
export function useStatusWord(): (status: string) => string | null {
  const { t, i18n } = useTranslation("parts");
  return (status) =>
    i18n.exists(`status.${status}`, { ns: "parts" }) ? t(`status.${status}` as "status.running") : null;
}
