/** What moves a customer's money: each says first what comes of it. */
import { Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { DialogForm } from "../../components/form/dialog-form.tsx";
import type { Field } from "../../components/form/fields.tsx";

export function PayButtons({ id }: { id: number }) {
  const { t } = useTranslation("money");
  const amount: Field = { path: "amount", kind: "text", label: t("pay.amount"), isRequired: true };
  const reason: Field = {
    path: "reason",
    kind: "text",
    label: t("pay.reason"),
    hint: t("pay.reasonHint"),
    maxLength: 500,
  };
  const runId: Field = {
    path: "run_id",
    kind: "text",
    label: t("pay.runId"),
    hint: t("pay.runHint"),
    isRequired: true,
  };
  const routes = [
    { route: "topUp", path: "top-ups", fields: [amount, reason] },
    { route: "refund", path: "refunds", fields: [runId, amount, reason] },
    {
      route: "adjust",
      path: "adjustments",
      fields: [
        { ...amount, hint: t("pay.adjustHint") },
        { ...reason, isRequired: true },
      ],
    },
  ] as const;
  return routes.map(({ route, path, fields }) => (
    <DialogForm
      key={route}
      open={t(`pay.${route}`)}
      title={t(`pay.${route}`)}
      submit={t(`pay.${route}`)}
      method="POST"
      path={`/customers/${id}/${path}`}
      fields={fields}
    >
      <Text size="sm">{t(`pay.${route}Says`)}</Text>
    </DialogForm>
  ));
}
