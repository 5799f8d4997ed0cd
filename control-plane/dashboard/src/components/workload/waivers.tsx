/** By which rules time of a workload is not charged, in the reader's language. */
import type { WorkloadWaiver } from "@remotegpu/control-plane/client/generated/api.schemas";
import { Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { AgeText } from "../text/age-text.tsx";
import { ReasonText, type WithReason } from "../text/reason-text.tsx";
import { AsReported } from "../text/server-text.tsx";

const RULES = [
  "loading",
  "gpu-lost",
  "host-died",
  "never-ready",
  "gang-broken",
  "stop-by-person",
  "stop-by-rule",
  "suspension",
  "host-stop",
  "before-rules",
] as const;

/** The name that the API, the books and a bill's proof give it stands beside ours. */
export function RuleText({ rule }: { rule: string }) {
  const { t } = useTranslation("work");
  const known = RULES.find((one) => one === rule);
  return <span data-rule={rule}>{known === undefined ? rule : `${t(`rule.${known}`)} (${rule})`}</span>;
}

/** What is free at this moment; nothing where all that runs is charged. */
export function FreeNow({ waivers }: { waivers: readonly WorkloadWaiver[] | null | undefined }) {
  const { t } = useTranslation("workload");
  return (waivers ?? [])
    .filter((one) => one.runs_now > 0)
    .map(({ rule, runs_now: runs }) => (
      <Text key={rule} size="sm" c="dimmed" span display="block" data-free-now>
        {t("cost.freeNow", { count: runs })} <RuleText rule={rule} />
      </Text>
    ));
}

interface WaivedRun {
  waived_ms: number;
  waive_from: string | null;
  waive_reason: string | null;
  last_proven_at: string | null;
  waived: readonly ({ reason: string; from: string; to: string | null } & WithReason<"sentence">)[];
}

/** Of one run: each stretch with its rule and what shows it, and the stop after which it was free. */
export function WaivedText({ run }: { run: WaivedRun }) {
  const { t } = useTranslation("workload");
  const { waived, waive_from: from, waive_reason: reason } = run;
  const [rule = "", ...why] = (reason ?? "").split(": ");
  return (
    <>
      {waived.map((one) => (
        <Text key={`${one.reason} ${one.from}`} size="sm" c="dimmed">
          <RuleText rule={one.reason} />: <ReasonText of={one} field="sentence" />
        </Text>
      ))}
      {from !== null && isBefore(from, run.last_proven_at) && (
        <Text size="sm" c="dimmed">
          <RuleText rule={rule} />: {t("runs.freeSince")} <AgeText at={from} />{" "}
          {why.length > 0 && <AsReported>{why.join(": ")}</AsReported>}
        </Text>
      )}
    </>
  );
}

/** Most stopped runs end before the moment from which they would be free. */
function isBefore(from: string, last: string | null): boolean {
  return last !== null && Date.parse(from) < Date.parse(last);
}
