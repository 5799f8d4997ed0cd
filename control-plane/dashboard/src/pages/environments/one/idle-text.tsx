/** How long nobody has used it, and when it stops for that. */
import { Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { AgeText } from "../../../components/text/age-text.tsx";
import type { Environment } from "./environment.ts";

export function IdleText({ environment }: { environment: Environment }) {
  const { t } = useTranslation("environments");
  const { idle_since: since, idle_stop_at: stopsAt } = environment;
  if (since === null) return null;
  return (
    <Text size="sm" component="div" data-idle>
      {t("idle.since")} <AgeText at={since} />
      {stopsAt !== null && (
        <div>
          {t("idle.stops")} <AgeText at={stopsAt} /> {t("idle.unless")}
        </div>
      )}
    </Text>
  );
}
