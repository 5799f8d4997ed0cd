/** Invoices, newest first; each opens. */
import { listBillingInvoices } from "@remotegpu/control-plane/client/generated/api";
import { useTranslation } from "react-i18next";
import { Money } from "../../components/text/money.tsx";
import { PageLink } from "../../components/page/page-link.tsx";
import { PageTable } from "../../components/page/page-table.tsx";
import { StatusBadge } from "../../components/status-badge.tsx";
import { TOPICS } from "./topics.ts";

export function InvoicesTable() {
  const { t } = useTranslation("billing");
  return (
    <PageTable
      title={t("invoices.title")}
      list={listBillingInvoices()}
      topics={TOPICS}
      keyOf={({ id }) => id}
      columns={[
        {
          title: t("invoices.number"),
          cell: ({ id, invoice_no: number }) => <PageLink to={`/billing/invoices/${id}`}>{number}</PageLink>,
        },
        { title: t("invoices.month"), cell: ({ invoice_month: month }) => monthText(month) },
        { title: t("invoices.charges"), cell: ({ total_amount: total }) => <Money points={total} /> },
        { title: t("invoices.due"), cell: ({ due }) => <Money points={due} /> },
        {
          title: t("invoices.status"),
          cell: ({ status }) => status !== null && <StatusBadge status={status} />,
        },
      ]}
    />
  );
}

/** @param firstDay "2026-03-01"; null in invoices of the old system */
export function monthText(firstDay: string | null): string {
  return firstDay?.slice(0, "2026-03".length) ?? "–";
}
