/** What is left, how fast it goes, and for what it went: each line leads to its proof. */
import { listBillingEvents } from "@remotegpu/control-plane/client/generated/api";
import { Stack } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { AgeText } from "../../components/text/age-text.tsx";
import { ChangeText } from "../../components/text/change-text.tsx";
import { PageHead } from "../../components/page/page-head.tsx";
import { PageTable } from "../../components/page/page-table.tsx";
import { InvoicesTable } from "./invoices-table.tsx";
import { MonthPanel } from "./month-panel.tsx";
import { NowPanel } from "./now-panel.tsx";
import { RecordsTable } from "./records-table.tsx";
import { TOPICS } from "./topics.ts";
import { ReasonText } from "../../components/text/reason-text.tsx";
import { Term } from "../../components/text/term.tsx";

export default function BillingPage() {
  const { t } = useTranslation("billing");
  return (
    <Stack>
      <PageHead title={t("title")} />
      <NowPanel />
      <MonthPanel />
      <RecordsTable />
      <Events />
      <InvoicesTable />
    </Stack>
  );
}

function Events() {
  const { t } = useTranslation("billing");
  return (
    <PageTable
      title={t("events.title")}
      list={listBillingEvents()}
      topics={TOPICS}
      keyOf={({ id }) => id}
      columns={[
        { title: t("events.at"), cell: ({ at }) => <AgeText at={at} /> },
        {
          title: t("events.what"),
          cell: ({ kind, old, new: now }) => (
            <>
              <Term kind="event">{kind}</Term> <ChangeText from={old} to={now} isStatus />
            </>
          ),
        },
        {
          title: t("events.reason"),
          cell: (event) => <ReasonText of={event} field="reason" />,
        },
      ]}
    />
  );
}
