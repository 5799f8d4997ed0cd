/** One customer: what is left, what was paid, and what moves it. */
import { getCustomer, listCustomerPayments } from "@remotegpu/control-plane/client/generated/api";
import type { Customer } from "@remotegpu/control-plane/client/generated/api.schemas";
import { Group, SimpleGrid, Stack } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { answeredAt, useApi } from "../../api/use-api.ts";
import { AgeText } from "../../components/text/age-text.tsx";
import { Figure } from "../../components/figure.tsx";
import { Money } from "../../components/text/money.tsx";
import { NameText } from "../../components/text/name-text.tsx";
import { OneOf } from "../../components/page/one-of.tsx";
import { PageLink } from "../../components/page/page-link.tsx";
import { PageTable } from "../../components/page/page-table.tsx";
import { Panel } from "../../components/page/panel.tsx";
import { Term } from "../../components/text/term.tsx";
import { StatusBadge } from "../../components/status-badge.tsx";
import { PayButtons } from "./pay-buttons.tsx";

export function CustomerPart({ id }: { id: string }) {
  const { t } = useTranslation("money");
  const customer = useApi(getCustomer(id));
  return (
    <Stack>
      <PageLink to="/money">{t("customer.all")}</PageLink>
      <OneOf from={customer}>
        {(one) => (
          <>
            <State customer={one} at={answeredAt(customer)} />
            <PaidIn id={one.id} />
          </>
        )}
      </OneOf>
    </Stack>
  );
}

function State({ customer, at }: { customer: Customer; at: string }) {
  const { t } = useTranslation("money");
  const { id, username, display_name: display, email, balance, credit_limit: credit } = customer;
  return (
    <Panel
      title={t("customer.title", { name: username })}
      definition={t("customer.definition", { display: display ?? username, email })}
    >
      <Stack>
        <SimpleGrid cols={{ base: 2, sm: 4 }}>
          <Figure
            at={at}
            label={t("customers.balance")}
            definition={t("customer.balanceIs")}
            value={<Money points={balance} />}
          />
          <Figure
            at={at}
            label={t("customers.credit")}
            definition={t("customer.creditIs")}
            value={<Money points={credit} />}
          />
          <Figure
            at={at}
            label={t("customers.overdue")}
            definition={t("customer.overdueIs")}
            value={<StatusBadge status={customer.overdue_status} />}
          />
          <Figure
            at={at}
            label={t("customers.status")}
            definition={t("customer.accountIs")}
            value={<StatusBadge status={customer.status} />}
          />
        </SimpleGrid>
        <Group>
          <PayButtons id={id} />
        </Group>
      </Stack>
    </Panel>
  );
}

function PaidIn({ id }: { id: number }) {
  const { t } = useTranslation("money");
  return (
    <PageTable
      title={t("payments.title")}
      definition={t("payments.definition")}
      list={listCustomerPayments(id)}
      keyOf={(one) => one.transaction_id}
      columns={[
        { title: t("payments.at"), cell: ({ at }) => <AgeText at={at} /> },
        { title: t("payments.kind"), cell: ({ kind }) => <Term kind="payment">{kind}</Term> },
        { title: t("payments.amount"), cell: ({ amount }) => <Money points={amount} /> },
        {
          title: t("payments.reason"),
          cell: ({ reason }) => reason !== null && <NameText>{reason}</NameText>,
        },
        { title: t("payments.run"), cell: (one) => one.run_id, isWide: true },
        { title: t("payments.actor"), cell: ({ actor }) => actor, isWide: true },
      ]}
    />
  );
}
