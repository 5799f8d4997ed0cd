/** Environments: all that one may see, with what they cost now; and the order of another, which has an address of its own. */
import { asTyped } from "../../api/as-typed.ts";
import { listEnvironments } from "@remotegpu/control-plane/client/generated/api";
import { Button, Group, Text } from "@mantine/core";
import { lazy, Suspense } from "react";
import { useTranslation } from "react-i18next";
import { useMe } from "../../session/session.tsx";
import { AgeText } from "../../components/text/age-text.tsx";
import { Choice } from "../../components/choice.tsx";
import { useFilters } from "../../components/filters.ts";
import { NameText } from "../../components/text/name-text.tsx";
import { PageHead } from "../../components/page/page-head.tsx";
import { PageLink, useGo } from "../../components/page/page-link.tsx";
import { type Column, PageTable } from "../../components/page/page-table.tsx";
import { StatusBadge } from "../../components/status-badge.tsx";
import { TypedFilter } from "../../components/typed-filter.tsx";
import { CostText } from "../../components/workload/cost.tsx";
import { LiveGpus } from "../../components/workload/live-gpus.tsx";
import { addressOfEnvironment, type Environment, gpusOf } from "./one/environment.ts";
import { IdleText } from "./one/idle-text.tsx";

const OrderForm = lazy(() => import("./order/order-form.tsx"));
const LIST = "/environments";
const ORDER = `${LIST}?order=new`;
const STATUSES = ["queued", "creating", "running", "stopping", "restarting", "stopped", "error"] as const;

export default function EnvironmentsPage() {
  const { t } = useTranslation("environments");
  const go = useGo();
  const [filters] = useFilters(["order"]);
  if (filters.order !== "")
    return (
      <>
        <PageHead title={t("order.title")} actions={<PageLink to={LIST}>{t("order.toList")}</PageLink>} />
        <Suspense>
          <OrderForm />
        </Suspense>
      </>
    );
  return (
    <>
      <PageHead title={t("title")} actions={<Button onClick={() => go(ORDER)}>{t("order.open")}</Button>} />
      <List />
    </>
  );
}

function List() {
  const { t } = useTranslation("environments");
  const { isAdmin } = useMe();
  const [filters, setFilters] = useFilters(["status", "name"]);
  return (
    <PageTable
      title={t("list.title")}
      definition={t("list.definition")}
      list={listEnvironments(asTyped(filters))}
      topics={["workloads"]}
      // Whether one is used, and so when it stops, is told by no change.
      isMoving
      columns={useColumns(isAdmin)}
      keyOf={({ id }) => id}
      empty={t(filters.status === "" && filters.name === "" ? "list.empty" : "list.noneSo")}
      filters={
        <Group mb="sm" align="end">
          <TypedFilter
            label={t("list.name")}
            value={filters.name}
            onChange={(name) => setFilters({ name })}
          />
          <Choice
            label={t("list.status")}
            value={filters.status}
            onChange={(status) => setFilters({ status })}
            data={[
              { value: "", label: t("list.all") },
              ...STATUSES.map((status) => ({ value: status, label: t(`status.${status}`) })),
            ]}
          />
        </Group>
      }
    />
  );
}

function useColumns(isAdmin: boolean): Column<Environment>[] {
  const { t } = useTranslation("environments");
  return [
    {
      title: t("column.name"),
      cell: ({ id, name, image }) => (
        <>
          <PageLink to={addressOfEnvironment(id)}>{name}</PageLink>
          <Text size="xs" c="dimmed">
            <NameText>{image}</NameText>
          </Text>
        </>
      ),
    },
    ...(isAdmin
      ? [
          {
            title: t("column.owner"),
            cell: ({ owner_username }: Environment) => owner_username,
            isWide: true,
          },
        ]
      : []),
    { title: t("column.state"), cell: (environment) => <State environment={environment} /> },
    {
      title: t("column.place"),
      cell: ({ host_name }) => (host_name === null ? "–" : <NameText>{host_name}</NameText>),
      isWide: true,
    },
    {
      title: t("column.gpus"),
      cell: (environment) => {
        const held = gpusOf(environment);
        return held.length === 0 ? (
          t("column.ordered", { count: environment.gpu })
        ) : (
          <LiveGpus gpus={held} isShort />
        );
      },
      isWide: true,
    },
    {
      title: t("column.cost"),
      cell: (environment) => <CostText id={environment.id} requested={environment} />,
    },
  ];
}

function State({ environment }: { environment: Environment }) {
  return (
    <>
      <StatusBadge status={environment.status} />
      <Text size="sm" c="dimmed" component="div">
        <AgeText at={environment.status_since} />
      </Text>
      <IdleText environment={environment} />
    </>
  );
}
