/** How long nobody has used it, and when it stops for that. */
import { Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { AgeText } from "../../parts/age-text.tsx";
import { type Environment, idleOf } from "./environment.ts";

export function IdleText({ environment }: { environment: Environment }) {
  const { t } = useTranslation("environments");
  const idle = idleOf(environment);
  if (idle === null) return null;
  return (
    <Text size="sm" component="div">
      {t("idle.since")} <AgeText at={idle.since} />
      {idle.stopsAt !== null && (
        <div>
          {t("idle.stops")} <AgeText at={idle.stopsAt} />
        </div>
      )}
    </Text>
  );
}
