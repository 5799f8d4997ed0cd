/** What is left, how fast it goes, and for what it went: each line leads to its proof. */
import { Button, SimpleGrid, Stack, TextInput } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { askText } from "../../api/client.ts";
import { useAct, useApi } from "../../api/use-api.ts";
import { AgeText } from "../../parts/age-text.tsx";
import { Figure } from "../../parts/figure.tsx";
import { useFilters } from "../../parts/filters.ts";
import { Money, pointsText } from "../../parts/money.tsx";
import { PageHead } from "../../parts/page-head.tsx";
import { PageLink } from "../../parts/page-link.tsx";
import { PageTable, Rows } from "../../parts/page-table.tsx";
import { Failure, Panel } from "../../parts/panel.tsx";
import { saveFile } from "../../parts/save-file.ts";
import { StatusBadge } from "../../parts/status-badge.tsx";
import type { AccountEvent, Balance, BillingRecord, Invoice, Statistics, Sums } from "./answers.ts";
import { runwayOf } from "./runway.ts";

const TOPICS = ["billing"];

export default function BillingPage() {
  const { t } = useTranslation("billing");
  return (
    <Stack>
      <PageHead title={t("title")} />
      <Now />
      <Month />
      <Records />
      <Events />
      <Invoices />
    </Stack>
  );
}

function Now() {
  const { t } = useTranslation("billing");
  const balance = useApi<Balance>("/billing/balance", { topics: TOPICS });
  return (
    <Panel title={t("balance.title")} from={balance}>
      {(now) => (
        <Stack>
          <SimpleGrid cols={{ base: 2, sm: 3, lg: 6 }}>
            <Figure
              label={t("balance.balance")}
              definition={t("balance.balanceIs")}
              value={<Money points={now.balance} />}
            />
            <Figure
              label={t("balance.burn")}
              definition={t("balance.burnIs")}
              value={<Money points={now.burn_per_hour} />}
            />
            <Figure
              label={t("balance.runway")}
              definition={t("balance.runwayIs")}
              value={<Runway hours={now.hours_left_after_accrued} />}
            />
            <Figure
              label={t("balance.accrued")}
              definition={t("balance.accruedIs")}
              value={<Money points={now.accrued} />}
            />
            <Figure
              label={t("balance.month", { month: now.month })}
              definition={t("balance.monthIs")}
              value={<Money points={now.spent_this_month} />}
              below={
                now.monthly_limit === null
                  ? t("balance.noLimit")
                  : t("balance.ofLimit", { limit: pointsText(now.monthly_limit) })
              }
            />
            <Figure
              label={t("balance.state")}
              definition={t("balance.stateIs")}
              value={<StatusBadge status={now.overdue_status} />}
            />
          </SimpleGrid>
          <Budget limit={now.monthly_limit} />
        </Stack>
      )}
    </Panel>
  );
}

function Runway({ hours }: { hours: string | null }) {
  const { t } = useTranslation("billing");
  const runway = runwayOf(hours);
  if (runway === null) return t("balance.endless");
  return runway.days > 0 ? t("balance.days", runway) : t("balance.hours", { hours: runway.hours });
}

function Budget({ limit }: { limit: string | null }) {
  const { t } = useTranslation("billing");
  const [draft, setDraft] = useState(limit ?? "");
  const save = useAct<unknown, { monthly_limit: string | null }>({ method: "PUT", path: "/billing/budget" });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate({ monthly_limit: draft.trim() === "" ? null : draft.trim() });
      }}
    >
      <Stack gap="xs" align="flex-start">
        <TextInput
          label={t("budget.limit")}
          description={t("budget.definition")}
          inputMode="decimal"
          value={draft}
          onChange={({ currentTarget }) => setDraft(currentTarget.value)}
        />
        {save.error !== null && <Failure why={save.error.message} />}
        <Button type="submit" variant="default" loading={save.isPending}>
          {t("budget.save")}
        </Button>
      </Stack>
    </form>
  );
}

function Month() {
  const { t } = useTranslation("billing");
  const sums = useApi<Statistics>("/billing/statistics", { query: { period: "day" }, topics: TOPICS });
  const table = <Item extends Sums>(
    title: string,
    first: string,
    items: readonly Item[],
    name: (item: Item) => string,
  ) => (
    <Rows
      title={title}
      items={items}
      keyOf={name}
      columns={[
        { title: first, cell: name },
        { title: t("sums.records"), cell: ({ records }) => records },
        { title: t("sums.amount"), cell: ({ amount }) => <Money points={amount} /> },
      ]}
    />
  );
  return (
    <Panel
      title={t("sums.title")}
      definition={t("sums.definition")}
      from={sums}
      isEmpty={({ records }) => records === 0}
    >
      {(month) => (
        <SimpleGrid cols={{ base: 1, md: 3 }}>
          {table(t("sums.byWorkspace"), t("sums.workspace"), month.by_workspace, ({ workspace_id }) =>
            String(workspace_id ?? t("sums.personal")),
          )}
          {table(
            t("sums.byResource"),
            t("sums.resource"),
            month.by_resource_type,
            (one) => one.legacy_resource_type ?? one.resource_type,
          )}
          {table(t("sums.byDay"), t("sums.day"), month.by_period, ({ period }) => period)}
        </SimpleGrid>
      )}
    </Panel>
  );
}

function Records() {
  const { t } = useTranslation("billing");
  const [{ resource }, setFilters] = useFilters(["resource"]);
  const query = { resource_id: resource };
  const [failed, setFailed] = useState<string | null>(null);
  const save = () =>
    void askText("/billing/records", { query, accept: "text/csv" }).then(
      (text) => saveFile("records.csv", text, "text/csv"),
      (error: unknown) => setFailed(error instanceof Error ? error.message : String(error)),
    );
  return (
    <PageTable<BillingRecord>
      title={t("records.title")}
      definition={t("records.definition")}
      path="/billing/records"
      query={query}
      topics={TOPICS}
      keyOf={({ id }) => id}
      acts={
        <Button variant="default" size="compact-sm" onClick={save}>
          {t("records.csv")}
        </Button>
      }
      filters={
        <Stack gap="xs" mb="sm">
          {failed !== null && <Failure why={failed} />}
          <TextInput
            label={t("records.resourceId")}
            value={resource}
            onChange={({ currentTarget }) => setFilters({ resource: currentTarget.value })}
          />
        </Stack>
      }
      columns={[
        { title: t("records.end"), cell: ({ end_time }) => <AgeText at={end_time} /> },
        { title: t("records.what"), cell: ({ resource_name, resource_id }) => resource_name ?? resource_id },
        { title: t("records.line"), cell: ({ line }) => line },
        { title: t("records.minutes"), cell: ({ billing_minutes }) => billing_minutes, isWide: true },
        {
          title: t("records.price"),
          cell: ({ unit_price, billing_unit }) => `${unit_price} / ${billing_unit ?? ""}`,
          isWide: true,
        },
        { title: t("records.amount"), cell: ({ amount }) => <Money points={amount} /> },
        {
          title: t("records.proof"),
          cell: ({ id, run_id }) =>
            run_id === null ? (
              t("records.none")
            ) : (
              <PageLink to={`/billing/records/${id}`}>{t("records.open", { id })}</PageLink>
            ),
        },
      ]}
    />
  );
}

function Events() {
  const { t } = useTranslation("billing");
  return (
    <PageTable<AccountEvent>
      title={t("events.title")}
      path="/billing/events"
      topics={TOPICS}
      keyOf={({ id }) => id}
      columns={[
        { title: t("events.at"), cell: ({ at }) => <AgeText at={at} /> },
        {
          title: t("events.what"),
          cell: ({ kind, old, new: now }) => [kind, [old, now].filter(Boolean).join(" → ")].join(" "),
        },
        { title: t("events.reason"), cell: ({ reason }) => reason },
      ]}
    />
  );
}

function Invoices() {
  const { t } = useTranslation("billing");
  return (
    <PageTable<Invoice>
      title={t("invoices.title")}
      path="/billing/invoices"
      topics={TOPICS}
      keyOf={({ id }) => id}
      columns={[
        { title: t("invoices.number"), cell: ({ invoice_no }) => invoice_no },
        { title: t("invoices.month"), cell: ({ invoice_month }) => invoice_month },
        { title: t("invoices.charges"), cell: ({ total_amount }) => <Money points={total_amount} /> },
        { title: t("invoices.due"), cell: ({ due }) => <Money points={due} /> },
        { title: t("invoices.status"), cell: ({ status }) => status },
      ]}
    />
  );
}
