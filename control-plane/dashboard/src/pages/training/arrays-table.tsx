/** Arrays of jobs, with how many of their jobs stand where. */
import { listTrainingJobGroups } from "@remotegpu/control-plane/client/generated/api";
import type { TrainingJobGroup } from "@remotegpu/control-plane/client/generated/api.schemas";
import { useTranslation } from "react-i18next";
import { AgeText } from "../../components/text/age-text.tsx";
import { PageLink } from "../../components/page/page-link.tsx";
import { type Column, PageTable } from "../../components/page/page-table.tsx";
import { StatusBadge } from "../../components/status-badge.tsx";
import { Elements } from "./array-panel.tsx";

export function ArraysTable() {
  const { t } = useTranslation("training");
  const columns: Column<TrainingJobGroup>[] = [
    {
      title: t("column.name"),
      cell: ({ id, name }) => <PageLink to={`/training?group_id=${encodeURIComponent(id)}`}>{name}</PageLink>,
    },
    { title: t("column.status"), cell: ({ status }) => <StatusBadge status={status} /> },
    { title: t("array.indexes"), cell: ({ from, to }) => `${from}–${to}` },
    { title: t("array.elements"), cell: (group) => <Elements of={group} /> },
    { title: t("column.ordered"), cell: ({ created_at: at }) => <AgeText at={at} />, isWide: true },
  ];
  return (
    <PageTable
      title={t("by.array")}
      list={listTrainingJobGroups()}
      topics={["workloads"]}
      columns={columns}
      keyOf={({ id }) => id}
      empty={t("array.empty")}
    />
  );
}
