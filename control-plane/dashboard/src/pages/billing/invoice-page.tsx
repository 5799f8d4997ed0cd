/** One invoice: its sums, what else moved the account in its month, and its lines. */
import { getBillingInvoice } from "@remotegpu/control-plane/client/generated/api";
import type { InvoiceDetail } from "@remotegpu/control-plane/client/generated/api.schemas";
import { Button, SimpleGrid, Stack } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { sendForText } from "../../api/client.ts";
import { thrownError } from "../../api/thrown-error.ts";
import { listWithin, useApi } from "../../api/use-api.ts";
import { AgeText } from "../../components/text/age-text.tsx";
import { Figure } from "../../components/figure.tsx";
import { useAddressId } from "../../components/filters.ts";
import { Money } from "../../components/text/money.tsx";
import { NameText } from "../../components/text/name-text.tsx";
import { OneOf } from "../../components/page/one-of.tsx";
import { PageHead } from "../../components/page/page-head.tsx";
import { PageTable, Rows } from "../../components/page/page-table.tsx";
import { Failure, Panel } from "../../components/page/panel.tsx";
import { Term } from "../../components/text/term.tsx";
import { saveFile } from "../../components/save-file.ts";
import { StatusBadge } from "../../components/status-badge.tsx";
import { monthText } from "./invoices-table.tsx";
import { useTypeWord } from "./type-word.ts";

export default function InvoicePage() {
  const id = useAddressId();
  // Once issued it stays as it is, but for whether it is paid.
  const invoice = useApi(getBillingInvoice(id), { topics: ["billing"] });
  return <OneOf from={invoice}>{(loaded) => <View invoice={loaded} />}</OneOf>;
}

function View({ invoice }: { invoice: InvoiceDetail }) {
  const { t } = useTranslation("billing");
  const { invoice_no: number, invoice_month: month, movements } = invoice;
  return (
    <Stack>
      <PageHead title={t("invoice.title", { number, month: monthText(month) })} />
      <Sums invoice={invoice} />
      {movements.length > 0 && (
        <Panel title={t("invoice.movements")} definition={t("invoice.movementsAre")}>
          <Rows
            title={t("invoice.movements")}
            items={movements}
            keyOf={(one) => one.transaction_id}
            columns={[
              { title: t("events.at"), cell: ({ at }) => <AgeText at={at} /> },
              { title: t("events.what"), cell: ({ kind }) => <Term kind="payment">{kind}</Term> },
              { title: t("records.amount"), cell: ({ amount }) => <Money points={amount} /> },
              {
                title: t("events.reason"),
                cell: ({ reason }) => reason !== null && <NameText>{reason}</NameText>,
              },
            ]}
          />
        </Panel>
      )}
      <Lines id={invoice.id} number={number} />
    </Stack>
  );
}

function Sums({ invoice }: { invoice: InvoiceDetail }) {
  const { t } = useTranslation("billing");
  const { status, paid_at: paidAt } = invoice;
  const sums = [
    ["opening", invoice.opening_balance],
    ["topups", invoice.topups],
    ["charges", invoice.charges],
    ["refunds", invoice.refunds],
    ["adjustments", invoice.adjustments],
    ["closing", invoice.closing_balance],
    ["total", invoice.total_amount],
  ] as const;
  return (
    <Panel title={t("invoice.sums")}>
      <SimpleGrid cols={{ base: 2, sm: 4 }}>
        {sums.map(([name, points]) => (
          <Figure
            key={name}
            label={t(`invoice.${name}`)}
            definition={t(`invoice.${name}Is`)}
            value={points === null ? null : <Money points={points} />}
            at={invoice.created_at}
          />
        ))}
        <Figure
          label={t("invoices.due")}
          definition={t("invoice.dueIs")}
          value={invoice.due === null ? null : <Money points={invoice.due} />}
          below={
            <>
              {status !== null && <StatusBadge status={status} />}{" "}
              {paidAt !== null && <AgeText at={paidAt} />}
            </>
          }
          at={invoice.created_at}
        />
      </SimpleGrid>
    </Panel>
  );
}

function Lines({ id, number }: { id: number; number: string }) {
  const { t } = useTranslation("billing");
  const typeWord = useTypeWord();
  const [failed, setFailed] = useState<Error | null>(null);
  const save = () =>
    void sendForText(getBillingInvoice(id), { accept: "text/csv" }).then(
      (text) => saveFile(`invoice-${number}.csv`, text, "text/csv"),
      (error: unknown) => setFailed(thrownError(error)),
    );
  return (
    <PageTable
      title={t("invoice.lines")}
      definition={t("invoice.linesAre")}
      list={listWithin(getBillingInvoice(id), ({ lines }) => lines)}
      isLive={false}
      keyOf={(line) => line.number}
      empty={t("invoice.noLines")}
      filters={failed !== null && <Failure why={failed} />}
      actions={
        <Button variant="default" size="compact-sm" onClick={save}>
          {t("records.csv")}
        </Button>
      }
      columns={[
        { title: t("records.number"), cell: (line) => line.number, isWide: true },
        {
          title: t("records.what"),
          cell: ({ resource_name: name, resource_id: id, resource_type: type }) =>
            name ?? id ?? typeWord({ resource_type: type, legacy_resource_type: null }),
        },
        {
          title: t("sums.workspace"),
          cell: ({ workspace_id: id, workspace_name: name }) =>
            id === null ? t("sums.personal") : (name ?? t("sums.gone", { id })),
          isWide: true,
        },
        { title: t("records.line"), cell: ({ line }) => line },
        { title: t("invoices.month"), cell: ({ usage_month: month }) => monthText(month), isWide: true },
        { title: t("records.minutes"), cell: ({ minutes }) => minutes ?? "–", isWide: true },
        {
          title: t("records.price"),
          cell: ({ unit_price: price, billing_unit: unit }) =>
            [price, unit].filter((part) => part !== null).join(" / "),
          isWide: true,
        },
        { title: t("records.amount"), cell: ({ amount }) => <Money points={amount} /> },
      ]}
    />
  );
}
