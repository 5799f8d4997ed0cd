/** Inference services, newest first; the order of a new one stands in their place. */
import { asTyped } from "../../api/as-typed.ts";
import { listInferenceServices } from "@remotegpu/control-plane/client/generated/api";
import { Button } from "@mantine/core";
import { INFERENCE_SERVICE_STATUSES } from "@remotegpu/shared/values/workload";
import { useTranslation } from "react-i18next";
import { useMe } from "../../session/session.tsx";
import { AgeText } from "../../components/text/age-text.tsx";
import { useFilters } from "../../components/filters.ts";
import { PageHead } from "../../components/page/page-head.tsx";
import { PageLink } from "../../components/page/page-link.tsx";
import { type Column, PageTable } from "../../components/page/page-table.tsx";
import { ReasonText } from "../../components/text/reason-text.tsx";
import { StatusBadge } from "../../components/status-badge.tsx";
import { CostText } from "../../components/workload/cost.tsx";
import { ListFilters } from "../../components/workload/list-filters.tsx";
import type { Service } from "./service.ts";
import { ServiceOrder } from "./service-order.tsx";

export default function InferencePage() {
  const { t } = useTranslation("inference");
  const [{ order }, setFilters] = useFilters(["order"]);
  if (order !== "") return <ServiceOrder />;
  return (
    <>
      <PageHead
        title={t("title")}
        actions={<Button onClick={() => setFilters({ order: "new" })}>{t("order.open")}</Button>}
      />
      <Services />
    </>
  );
}

function Services() {
  const { t } = useTranslation("inference");
  const { isAdmin } = useMe();
  const [{ name, status }, setFilters] = useFilters(["name", "status"]);
  const columns: Column<Service>[] = [
    {
      title: t("column.name"),
      cell: ({ id, name }) => <PageLink to={`/inference/${encodeURIComponent(id)}`}>{name}</PageLink>,
    },
    { title: t("column.status"), cell: ({ status }) => <StatusBadge status={status} /> },
    ...(isAdmin
      ? [{ title: t("column.owner"), cell: (one: Service) => one.owner_username, isWide: true }]
      : []),
    {
      title: t("column.replicas"),
      cell: ({ ready_replicas: ready, replicas }) => t("ready", { ready, replicas }),
    },
    {
      title: t("column.version"),
      cell: ({ version, rollout }) =>
        rollout === null ? version : t("goesTo", { from: version ?? "–", to: rollout.version ?? "–" }),
      isWide: true,
    },
    { title: t("column.cost"), cell: (service) => <CostText id={service.id} requested={service} /> },
    { title: t("column.ordered"), cell: ({ created_at: at }) => <AgeText at={at} />, isWide: true },
    {
      title: t("column.reason"),
      cell: (service) => <ReasonText of={service} field="status_reason" />,
      isWide: true,
    },
  ];
  return (
    <PageTable
      title={t("services")}
      list={listInferenceServices(asTyped({ name, status }))}
      topics={["workloads"]}
      columns={columns}
      keyOf={({ id }) => id}
      empty={t("empty")}
      filters={
        <ListFilters
          name={name}
          status={status}
          statuses={INFERENCE_SERVICE_STATUSES}
          onChange={setFilters}
        />
      }
    />
  );
}
