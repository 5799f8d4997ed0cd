/** What came of a host's last drill and when, and why its certificate does not do where the policy wants one. */
import type { Host } from "@remotegpu/control-plane/client/generated/api.schemas";
import { useTranslation } from "react-i18next";
import { AgeText } from "../../components/text/age-text.tsx";
import { ReasonText } from "../../components/text/reason-text.tsx";

export function DrillText({ host }: { host: Host }) {
  const { t } = useTranslation("host");
  const { drill } = host;
  return (
    <>
      {drill !== null && (
        <>
          {t(drill.passed ? "facts.drillPassed" : "facts.drillFailed")} <AgeText at={drill.ended_at} />{" "}
        </>
      )}
      {host.drill_detail !== null && <ReasonText of={host} field="drill_detail" />}
    </>
  );
}
