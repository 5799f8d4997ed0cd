/** Training jobs, newest first. */
import { asTyped } from "../../api/as-typed.ts";
import { listTrainingJobs } from "@remotegpu/control-plane/client/generated/api";
import { TRAINING_JOB_STATUSES } from "@remotegpu/shared/values/workload";
import { useTranslation } from "react-i18next";
import { useMe } from "../../session/session.tsx";
import { AgeText } from "../../components/text/age-text.tsx";
import { useFilters } from "../../components/filters.ts";
import { NotReported } from "../../components/text/not-reported.tsx";
import { PageLink } from "../../components/page/page-link.tsx";
import { type Column, PageTable } from "../../components/page/page-table.tsx";
import { ReasonText } from "../../components/text/reason-text.tsx";
import { StatusBadge } from "../../components/status-badge.tsx";
import { CostText } from "../../components/workload/cost.tsx";
import { ListFilters } from "../../components/workload/list-filters.tsx";
import type { Job } from "./job/job.ts";

export function JobsTable({ group }: { group: string }) {
  const { t } = useTranslation("training");
  const { isAdmin } = useMe();
  const [{ name, status }, setFilters] = useFilters(["name", "status"]);
  const columns: Column<Job>[] = [
    {
      title: t("column.name"),
      cell: (job) => <PageLink to={`/training/${encodeURIComponent(job.id)}`}>{job.name}</PageLink>,
    },
    { title: t("column.status"), cell: (job) => <StatusBadge status={job.status} /> },
    ...(isAdmin ? [{ title: t("column.owner"), cell: (job: Job) => job.owner_username, isWide: true }] : []),
    {
      title: t("column.size"),
      cell: ({ node_count: ranks, gpu }) =>
        gpu === null ? <NotReported /> : t("size", { ranks, gpus: gpu }),
      isWide: true,
    },
    { title: t("column.attempt"), cell: ({ attempt }) => attempt, isWide: true },
    { title: t("column.cost"), cell: (job) => <CostText id={job.id} requested={job} /> },
    { title: t("column.ordered"), cell: ({ created_at: at }) => <AgeText at={at} />, isWide: true },
    {
      title: t("column.reason"),
      cell: (job) => <ReasonText of={job} field="status_reason" />,
      isWide: true,
    },
  ];
  return (
    <PageTable
      title={t("jobs")}
      list={listTrainingJobs(asTyped({ name, status, group_id: group }))}
      topics={["workloads"]}
      columns={columns}
      keyOf={({ id }) => id}
      empty={t("empty")}
      filters={
        <ListFilters name={name} status={status} statuses={TRAINING_JOB_STATUSES} onChange={setFilters} />
      }
    />
  );
}
