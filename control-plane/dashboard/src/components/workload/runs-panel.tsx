/** Where a workload runs and ran: each start with its time, its charge and how it ended, with its last lines. */
import type { Instance } from "@remotegpu/control-plane/client/generated/api.schemas";
import { Code, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useApi } from "../../api/use-api.ts";
import { AgeText } from "../text/age-text.tsx";
import { durationText } from "../text/duration-text.ts";
import { Money } from "../text/money.tsx";
import { NameText } from "../text/name-text.tsx";
import { type Column, Rows } from "../page/page-table.tsx";
import { Panel } from "../page/panel.tsx";
import { type WorkloadRef, WORKLOADS } from "./workload.ts";
import { ReasonText } from "../text/reason-text.tsx";
import { StatusText } from "../text/status-text.tsx";
import { WaivedText } from "./waivers.tsx";

type Run = Instance["runs"][number] & { instance: Instance };

export function RunsPanel({ workload }: { workload: WorkloadRef }) {
  const { t, i18n } = useTranslation("workload");
  // Its time and its charge go on without a word.
  const instances = useApi(WORKLOADS[workload.kind].instances(workload.id), {
    topics: workload.topics,
    isMoving: true,
  });
  const columns: Column<Run>[] = [
    { title: t("runs.began"), cell: ({ ordered_at }) => <AgeText at={ordered_at} /> },
    {
      title: t("runs.host"),
      cell: ({ instance }) => <NameText>{instance.host_name}</NameText>,
      isWide: true,
    },
    {
      title: t("runs.time"),
      cell: ({ proven_ms }) => durationText(proven_ms / 1_000, i18n.language),
    },
    { title: t("runs.charged"), cell: ({ charged }) => <Money points={charged} /> },
    { title: t("runs.end"), cell: (run) => <End run={run} /> },
  ];
  return (
    <Panel title={t("runs.title")} definition={t("runs.definition")} from={instances}>
      {({ items }) => {
        const runs = items
          .flatMap((instance) => instance.runs.map((run) => ({ ...run, instance })))
          .toSorted((a, b) => b.ordered_at.localeCompare(a.ordered_at));
        if (runs.length === 0) return <Text c="dimmed">{t("runs.empty")}</Text>;
        return <Rows title={t("runs.title")} columns={columns} items={runs} keyOf={({ id }) => id} />;
      }}
    </Panel>
  );
}

function End({ run }: { run: Run }) {
  const { t } = useTranslation("workload");
  const { end, closed_at } = run;
  return (
    <>
      {end === null ? (
        <Text size="sm">{closed_at === null ? t("runs.open") : t("runs.over")}</Text>
      ) : (
        <Text size="sm" component="div">
          <EndText end={end} />
          {factsOf(end, t).map((fact) => `, ${fact}`)} <AgeText at={end.told_at} />
        </Text>
      )}
      <WaivedText run={run} />
      {end !== null && end.tail !== null && end.tail !== "" && (
        <details>
          <summary>{t("runs.tail")}</summary>
          <Code block style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>
            <NameText>{end.tail}</NameText>
          </Code>
        </details>
      )}
    </>
  );
}

type Words = ReturnType<typeof useTranslation<"workload">>["t"];

type RunEnd = NonNullable<Run["end"]>;

function EndText({ end }: { end: RunEnd }) {
  const { phase, detail } = end;
  if (detail === null || detail === "") return <StatusText>{phase}</StatusText>;
  // The facts go on after it.
  return <ReasonText of={{ ...end, detail: detail.replace(/\.$/, "") }} field="detail" />;
}

function factsOf(end: RunEnd, t: Words): string[] {
  const { exit_code, out_of_memory, signal, detail } = end;
  return [
    exit_code === null || /exit code (\d+)\.?$/.exec(detail ?? "")?.[1] === String(exit_code)
      ? null
      : t("runs.exitCode", { code: exit_code }),
    out_of_memory ? t("runs.outOfMemory") : null,
    signal,
  ].filter((fact) => fact !== null);
}
