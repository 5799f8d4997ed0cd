/** Copies a line, and says what came of it. */
import { Button } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useCopy } from "./text/copying.ts";

export function CopyButton({ text, label }: { text: string; label?: string }) {
  const { t } = useTranslation("parts");
  const { outcome, copy } = useCopy(text);
  return (
    <Button size="compact-sm" variant="default" onClick={() => void copy()}>
      <span aria-live="polite">{outcome === null ? (label ?? t("copy")) : t(outcome)}</span>
    </Button>
  );
}
