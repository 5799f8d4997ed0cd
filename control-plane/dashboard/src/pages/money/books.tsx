/** Time that is not charged yet, cannot be or will not be, usage that was refused, and whether the books agree. */
import {
  listBillingPending,
  listBillingTrialBalance,
  listBillingUnrated,
  listBillingWaived,
  listQuarantine,
} from "@remotegpu/control-plane/client/generated/api";
import type { WaivedRun } from "@remotegpu/control-plane/client/generated/api.schemas";
import { SimpleGrid, Stack } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { answeredAt, useApi } from "../../api/use-api.ts";
import { AgeText } from "../../components/text/age-text.tsx";
import { Figure } from "../../components/figure.tsx";
import { Money } from "../../components/text/money.tsx";
import { NameList } from "../../components/text/name-text.tsx";
import { PageLink } from "../../components/page/page-link.tsx";
import { type Column, PageTable, Rows } from "../../components/page/page-table.tsx";
import { Panel } from "../../components/page/panel.tsx";
import { AsReported } from "../../components/text/server-text.tsx";
import { RuleText } from "../../components/workload/waivers.tsx";

/** Read once: to sum all of it up each ten seconds would cost more than it tells. */
const ONCE = { isLive: false };

export function Books() {
  return (
    <>
      <RunsOfTime />
      <Refused />
      <Balance />
    </>
  );
}

interface OfRun {
  customer_id: number;
  resource_type: string;
  resource_id: string;
  resource_name: string | null;
}

function RunsOfTime() {
  const { t } = useTranslation("money");
  const ofRun: readonly Column<OfRun>[] = [
    { title: t("books.what"), cell: (one) => one.resource_name ?? `${one.resource_type} ${one.resource_id}` },
    { title: t("books.customer"), cell: (one) => <CustomerLink id={one.customer_id} /> },
  ];
  return (
    <>
      <PageTable
        {...ONCE}
        title={t("books.pending")}
        definition={t("books.pendingIs")}
        list={listBillingPending()}
        keyOf={(one) => one.run_id}
        columns={[
          ...ofRun,
          { title: t("books.minutes"), cell: (one) => one.pending_minutes },
          { title: t("books.since"), cell: (one) => <AgeText at={one.first_proven_at} /> },
        ]}
      />
      <PageTable
        {...ONCE}
        title={t("books.unrated")}
        definition={t("books.unratedIs")}
        list={listBillingUnrated()}
        keyOf={(one) => one.run_id}
        columns={[
          ...ofRun,
          { title: t("prices.spec"), cell: ({ spec }) => spec },
          { title: t("books.missing"), cell: ({ missing }) => <NameList names={missing} /> },
        ]}
      />
      <PageTable
        {...ONCE}
        title={t("books.waived")}
        definition={t("books.waivedIs")}
        list={listBillingWaived()}
        keyOf={(one) => one.run_id}
        columns={[
          ...ofRun,
          { title: t("books.minutes"), cell: (one) => Math.round(one.waived_ms / 60_000) },
          {
            title: t("books.reason"),
            cell: (one) => <Rules run={one} />,
            isWide: true,
          },
        ]}
      />
    </>
  );
}

/** Each by its name once, in the order of time. */
function Rules({ run }: { run: WaivedRun }) {
  const stop = run.waive_reason?.split(":")[0];
  const rules = new Set([
    ...run.stretches.map(({ reason }) => reason),
    ...(stop === undefined ? [] : [stop]),
  ]);
  return [...rules].map((rule) => (
    <div key={rule}>
      <RuleText rule={rule} />
    </div>
  ));
}

function Refused() {
  const { t } = useTranslation("money");
  return (
    <PageTable
      {...ONCE}
      title={t("books.quarantined")}
      definition={t("books.quarantinedIs")}
      list={listQuarantine()}
      keyOf={({ id }) => id}
      columns={[
        { title: t("payments.at"), cell: ({ at }) => <AgeText at={at} /> },
        {
          title: t("books.host"),
          cell: (one) => <PageLink to={`/hosts/${encodeURIComponent(one.host_id)}`}>{one.host_id}</PageLink>,
        },
        { title: t("books.reason"), cell: ({ reason }) => <AsReported>{reason}</AsReported> },
        { title: t("books.run"), cell: (one) => one.run_id, isWide: true },
      ]}
    />
  );
}

function Balance() {
  const { t } = useTranslation("money");
  const balance = useApi(listBillingTrialBalance(), ONCE);
  return (
    <Panel title={t("books.balance")} definition={t("books.balanceIs")} from={balance}>
      {({ total, unbalanced_customers: apart, accounts, items }) => (
        <Stack>
          <SimpleGrid cols={2}>
            <Figure
              at={answeredAt(balance)}
              label={t("books.total")}
              definition={t("books.totalIs")}
              value={<Money points={total} />}
            />
            <Figure
              at={answeredAt(balance)}
              label={t("books.apart")}
              definition={t("books.apartIs")}
              value={apart}
            />
          </SimpleGrid>
          <Rows
            title={t("books.balance")}
            items={accounts}
            keyOf={({ account }) => account}
            columns={[
              { title: t("books.account"), cell: ({ account }) => account },
              { title: t("books.sum"), cell: (one) => <Money points={one.total} /> },
            ]}
          />
          {items.length > 0 && (
            <Rows
              title={t("books.apart")}
              items={items}
              keyOf={(one) => one.customer_id}
              columns={[
                { title: t("books.customer"), cell: (one) => <CustomerLink id={one.customer_id} /> },
                { title: t("customers.balance"), cell: (one) => <Money points={one.balance} /> },
                { title: t("books.entries"), cell: ({ entries }) => <Money points={entries} /> },
              ]}
            />
          )}
        </Stack>
      )}
    </Panel>
  );
}

function CustomerLink({ id }: { id: number }) {
  return <PageLink to={`/money?customer=${id}`}>{id}</PageLink>;
}
