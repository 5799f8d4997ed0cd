/** What the order would come to: its price, its place in the line, why it would wait. Nothing is ordered. */
import { List, Text } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import type { JobDryRun } from "@remotegpu/control-plane/server/http/training/job-dry-run";
import { useTranslation } from "react-i18next";
import { useTried } from "../../components/form/use-tried.ts";
import { Money } from "../../components/money.tsx";
import { Panel } from "../../components/panel.tsx";
import { ServerText } from "../../components/server-text.tsx";

const TYPING_MS = 600;

export function JobTrial({ body }: { body: object }) {
  const { t } = useTranslation("training");
  const [requested] = useDebouncedValue(JSON.stringify(body), TYPING_MS);
  const isComplete = ["name", "image", "command"].every((name) => name in body);
  const trial = useTried<JobDryRun>("/training-jobs/dry-run", isComplete ? requested : null);
  if (!isComplete) return null;
  return (
    <Panel title={t("trial.title")} definition={t("trial.definition")} from={trial}>
      {({ price_per_hour: price, position, reason, suggestions }) => (
        <>
          <Text fw={600} data-trial-price>
            {t("trial.perHour")} <Money points={price} />
          </Text>
          {position !== null && <Text>{t("trial.position", { position })}</Text>}
          <Text>
            <ServerText>{reason}</ServerText>
          </Text>
          <List size="sm">
            {suggestions.map(({ sentence }) => (
              <List.Item key={sentence}>
                <ServerText>{sentence}</ServerText>
              </List.Item>
            ))}
          </List>
        </>
      )}
    </Panel>
  );
}
