/** What moves a customer's money: each says first what comes of it. */
import {
  createCustomerAdjustment,
  createCustomerRefund,
  createCustomerTopUp,
} from "@remotegpu/control-plane/client/generated/api";
import type {
  NewAdjustment,
  NewRefund,
  NewTopUp,
} from "@remotegpu/control-plane/client/generated/api.schemas";
import { Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { DialogForm } from "../../components/form/dialog-form.tsx";

export function PayButtons({ id }: { id: number }) {
  const { t } = useTranslation("money");
  const amount = { path: "amount", kind: "text", label: t("pay.amount"), isRequired: true } as const;
  const reason = {
    path: "reason",
    kind: "text",
    label: t("pay.reason"),
    hint: t("pay.reasonHint"),
    maxLength: 500,
  } as const;
  const runId = {
    path: "run_id",
    kind: "text",
    label: t("pay.runId"),
    hint: t("pay.runHint"),
    isRequired: true,
  } as const;
  const dialog = (kind: "topUp" | "refund" | "adjust") => ({
    open: t(`pay.${kind}`),
    title: t(`pay.${kind}`),
    submit: t(`pay.${kind}`),
    children: <Text size="sm">{t(`pay.${kind}Says`)}</Text>,
  });
  return (
    <>
      <DialogForm
        {...dialog("topUp")}
        request={(body: NewTopUp) => createCustomerTopUp(id, body)}
        fields={[amount, reason]}
      />
      <DialogForm
        {...dialog("refund")}
        request={(body: NewRefund) => createCustomerRefund(id, body)}
        fields={[runId, amount, reason]}
      />
      <DialogForm
        {...dialog("adjust")}
        request={(body: NewAdjustment) => createCustomerAdjustment(id, body)}
        fields={[
          { ...amount, hint: t("pay.adjustHint") },
          { ...reason, isRequired: true },
        ]}
      />
    </>
  );
}
