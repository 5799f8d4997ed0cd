/** What the order would come to: its price, its place in the line, why it would wait. Nothing is ordered. */
import { tryTrainingJob } from "@remotegpu/control-plane/client/generated/api";
import type { NewTrainingJob } from "@remotegpu/control-plane/client/generated/api.schemas";
import { List, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useTrial } from "../../../components/form/use-trial.ts";
import { Money } from "../../../components/text/money.tsx";
import { Panel } from "../../../components/page/panel.tsx";
import { ReasonText } from "../../../components/text/reason-text.tsx";

const REQUIRED = ["name", "image", "command"] as const satisfies (keyof NewTrainingJob)[];

export function JobTrial({ body }: { body: NewTrainingJob }) {
  const { t } = useTranslation("training");
  const isComplete = REQUIRED.every((name) => name in body);
  const trial = useTrial(isComplete ? tryTrainingJob(body) : null);
  if (!isComplete) return null;
  return (
    <Panel title={t("trial.title")} definition={t("trial.definition")} from={trial}>
      {(loaded) => (
        <>
          <Text fw={600} data-trial-price>
            {t("trial.perHour")} <Money points={loaded.price_per_hour} />
          </Text>
          {loaded.position !== null && <Text>{t("trial.position", { position: loaded.position })}</Text>}
          <Text>
            <ReasonText of={loaded} field="reason" />
          </Text>
          <List size="sm">
            {loaded.suggestions.map((suggestion) => (
              <List.Item key={suggestion.sentence}>
                <ReasonText of={suggestion} field="sentence" />
              </List.Item>
            ))}
          </List>
        </>
      )}
    </Panel>
  );
}
