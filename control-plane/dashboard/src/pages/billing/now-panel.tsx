/** What is left and how fast it goes, and the budget of a month. */
import { getBillingBalance, setBillingBudget } from "@remotegpu/control-plane/client/generated/api";
import { Button, SimpleGrid, Stack } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { answeredAt, useApi } from "../../api/use-api.ts";
import { Figure } from "../../components/figure.tsx";
import { FormFields } from "../../components/form/fields.tsx";
import { Form, FormFailure } from "../../components/form/form.tsx";
import { useForm } from "../../components/form/use-form.ts";
import { Money, pointsText } from "../../components/text/money.tsx";
import { Panel } from "../../components/page/panel.tsx";
import { StatusBadge } from "../../components/status-badge.tsx";
import { runwayOf } from "./runway.ts";
import { TOPICS } from "./topics.ts";

export function NowPanel() {
  const { t } = useTranslation("billing");
  const balance = useApi(getBillingBalance(), { topics: TOPICS });
  return (
    <Panel title={t("balance.title")} from={balance}>
      {(now) => (
        <Stack>
          <SimpleGrid cols={{ base: 2, sm: 3, lg: 6 }}>
            <Figure
              at={answeredAt(balance)}
              label={t("balance.balance")}
              definition={t("balance.balanceIs")}
              value={<Money points={now.balance} />}
            />
            <Figure
              at={answeredAt(balance)}
              label={t("balance.burn")}
              definition={t("balance.burnIs")}
              value={<Money points={now.burn_per_hour} />}
            />
            <Figure
              at={answeredAt(balance)}
              label={t("balance.runway")}
              definition={t("balance.runwayIs")}
              value={<Runway hours={now.hours_left_after_accrued} />}
            />
            <Figure
              at={answeredAt(balance)}
              label={t("balance.accrued")}
              definition={t("balance.accruedIs")}
              value={<Money points={now.accrued} />}
            />
            <Figure
              at={answeredAt(balance)}
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
              at={answeredAt(balance)}
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
  const form = useForm({
    request: setBillingBudget,
    base: { monthly_limit: limit },
    fields: [
      {
        path: "monthly_limit",
        kind: "amount",
        empty: null,
        label: t("budget.limit"),
        hint: t("budget.definition"),
      },
    ],
  });
  return (
    <Form form={form}>
      <Stack gap="xs" align="flex-start">
        <FormFields form={form} />
        <FormFailure form={form} />
        <Button type="submit" variant="default" loading={form.isPending}>
          {t("budget.save")}
        </Button>
      </Stack>
    </Form>
  );
}
