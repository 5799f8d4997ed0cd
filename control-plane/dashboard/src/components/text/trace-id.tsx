/** The trace of a request, by which logs of servers and hosts have what it caused: its first digits, and a press copies it. */
import { Button, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { Problem } from "../../api/client.ts";
import { useCopy } from "./copying.ts";

/** Enough to tell those on one page apart. */
const DIGITS = 8;

export function TraceId({ children: id }: { children: string }) {
  const { t } = useTranslation("parts");
  const { outcome, copy } = useCopy(id);
  const short = id.slice(0, DIGITS);
  return (
    <>
      <Button
        size="compact-xs"
        variant="default"
        ff="monospace"
        title={id}
        aria-label={outcome === null ? t("trace.copy", { id: short }) : undefined}
        data-trace={id}
        onClick={() => void copy()}
      >
        <span aria-live="polite">{outcome === null ? short : t(outcome)}</span>
      </Button>
      {outcome === "copyFailed" && (
        <Text size="xs" ff="monospace" style={{ overflowWrap: "anywhere" }}>
          {id}
        </Text>
      )}
    </>
  );
}

/** Of a refused request, where the server says its trace. */
export function TraceOf({ error }: { error: Error }) {
  const { t } = useTranslation("parts");
  if (!(error instanceof Problem) || error.traceId === null) return null;
  return (
    <Text size="xs" c="dimmed" component="div" mt={4}>
      {t("trace.title")} <TraceId>{error.traceId}</TraceId>
    </Text>
  );
}
