/** What the order would come to: its price, its place in the line, why it would wait. Nothing is ordered. */
import { tryTrainingJob } from "@remotegpu/control-plane/client/generated/api";
import type { NewTrainingJob } from "@remotegpu/control-plane/client/generated/api.schemas";
import { List, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useTrial } from "../../../components/form/use-trial.ts";
import { Money } from "../../../components/text/money.tsx";
import { Panel } from "../../../components/page/panel.tsx";
import { ServerText } from "../../../components/text/server-text.tsx";

const REQUIRED = ["name", "image", "command"] as const satisfies (keyof NewTrainingJob)[];

export function JobTrial({ body }: { body: NewTrainingJob }) {
  const { t } = useTranslation("training");
  const isComplete = REQUIRED.every((name) => name in body);
  const trial = useTrial(isComplete ? tryTrainingJob(body) : null);
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
