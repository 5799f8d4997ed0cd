/** What was ordered. */
import { getTrainingJob } from "@remotegpu/control-plane/client/generated/api";
import { Code } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Facts } from "../../../components/facts.tsx";
import { NameText } from "../../../components/text/name-text.tsx";
import { NotReported } from "../../../components/text/not-reported.tsx";
import { Panel } from "../../../components/page/panel.tsx";
import { bytesText } from "../../../components/text/size-text.ts";
import { withValues } from "../../../components/workload/known-values.ts";
import { VariablesText } from "../../../components/workload/variables.tsx";
import type { Job } from "./job.ts";

export function OrderedPanel({ job }: { job: Job }) {
  const { t } = useTranslation("training");
  const { cpu, memory, gpu, gpu_memory: gpuMemory, node_count: ranks } = job;
  // What the old system did not say is left out, and never 0.
  const sizes = [
    cpu === null ? null : t("ordered.cpus", { cpu }),
    bytesText(memory),
    gpu === null ? null : t("ordered.gpus", { gpu }),
  ].filter((size) => size !== null);
  const hasVariables = Object.keys(job.env_vars ?? {}).length > 0;
  const lines: [string, ReactNode][] = [
    [t("ordered.id"), job.id],
    [t("ordered.owner"), job.owner_username],
    [t("ordered.image"), job.image],
    [t("ordered.ranks"), String(ranks)],
    [t("ordered.size"), sizes.length === 0 ? <NotReported key="size" /> : sizes.join(", ")],
    [t("ordered.gpuMemory"), bytesText(gpuMemory)],
    [t("ordered.priority"), String(job.priority)],
    [t("ordered.datasets"), idsOf(job.mounted_datasets)],
    [t("ordered.models"), idsOf(job.mounted_models)],
    [
      t("ordered.variables"),
      hasVariables ? (
        <VariablesText key="vars" variables={job.env_vars} request={getTrainingJob(job.id, withValues)} />
      ) : null,
    ],
    [t("ordered.code"), job.code_id ?? job.env_id],
    [t("ordered.description"), job.description],
  ];
  return (
    <Panel title={t("ordered.title")}>
      <Code block style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>
        <NameText>{job.command}</NameText>
      </Code>
      <Facts facts={lines.filter(([, value]) => value !== null && value !== "")} mt="sm" />
    </Panel>
  );
}

/** The old system wrote 0 for none. */
function idsOf(ids: readonly number[] | null): string {
  return (ids ?? []).filter((id) => id > 0).join(", ");
}
