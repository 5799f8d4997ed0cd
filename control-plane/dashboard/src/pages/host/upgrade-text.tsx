/** The release that a host's agent runs, the upgrade that is under way, or what came of the last one and why. */
import type { AgentUpgrade } from "@remotegpu/control-plane/client/generated/api.schemas";
import { useTranslation } from "react-i18next";
import { ReasonText } from "../../components/text/reason-text.tsx";

export function UpgradeText({ upgrade }: { upgrade: NonNullable<AgentUpgrade> }) {
  const { t } = useTranslation("host");
  const { version: release, phase, to, last } = upgrade;
  if (phase !== null)
    return t("facts.upgradeUnderWay", { release, to: to ?? "?", phase: t(`facts.upgradePhase.${phase}`) });
  if (last === null) return t("facts.upgradeNone", { release });
  const result = t(`facts.upgradeResult.${last.result}`);
  return (
    <>
      {t("facts.upgradeLast", { release, to: last.to, result })}{" "}
      {last.reason !== null && <ReasonText of={last} field="reason" />}
    </>
  );
}
