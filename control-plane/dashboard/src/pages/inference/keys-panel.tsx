/** Keys that open this service at the gateway and nothing else. A new one is shown once. */
import {
  createInferenceServiceKey,
  listInferenceServiceKeys,
  revokeInferenceServiceKey,
} from "@remotegpu/control-plane/client/generated/api";
import type { NewServiceKey, ServiceKey } from "@remotegpu/control-plane/client/generated/api.schemas";
import { useTranslation } from "react-i18next";
import { AgeText } from "../../components/text/age-text.tsx";
import { DialogForm } from "../../components/form/dialog-form.tsx";
import { OneTimeSecret } from "../../components/form/one-time-secret.tsx";
import { type Column, PageTable } from "../../components/page/page-table.tsx";
import { StatusBadge } from "../../components/status-badge.tsx";
import { ActionButton } from "../../components/workload/action-button.tsx";

export function KeysPanel({ id }: { id: string }) {
  const { t } = useTranslation("inference");
  const columns: Column<ServiceKey>[] = [
    { title: t("keys.name"), cell: ({ name }) => name },
    { title: t("keys.prefix"), cell: ({ prefix }) => prefix, isWide: true },
    { title: t("keys.limits"), cell: (key) => <Limits of={key} />, isWide: true },
    {
      title: t("keys.ends"),
      cell: ({ expires_at: at, revoked_at: revoked }) =>
        revoked === null ? (
          at === null ? (
            t("keys.never")
          ) : (
            <AgeText at={at} />
          )
        ) : (
          <StatusBadge status="revoked" />
        ),
    },
    {
      title: t("keys.acts"),
      cell: ({ id: keyId, name, revoked_at: revoked }) =>
        revoked === null && (
          <ActionButton
            label={t("keys.revoke")}
            request={revokeInferenceServiceKey(id, keyId)}
            consequences={{
              title: t("keys.revokeTitle", { name }),
              stops: [t("keys.revokeStops")],
              keeps: [t("keys.revokeKeeps")],
              charged: [t("keys.revokeCharged")],
            }}
          />
        ),
    },
  ];
  return (
    <PageTable
      title={t("keys.title")}
      definition={t("keys.definition")}
      list={listInferenceServiceKeys(id)}
      columns={columns}
      keyOf={(key) => key.id}
      empty={t("keys.empty")}
      actions={<NewKey serviceId={id} />}
    />
  );
}

function NewKey({ serviceId }: { serviceId: string }) {
  const { t } = useTranslation("inference");
  return (
    <DialogForm
      open={t("keys.make")}
      title={t("keys.make")}
      submit={t("keys.make")}
      request={(body: NewServiceKey) => createInferenceServiceKey(serviceId, body)}
      fields={[
        { path: "name", kind: "text", label: t("keys.name"), isRequired: true, maxLength: 128 },
        { path: "expires_at", kind: "moment", label: t("keys.ends"), hint: t("keys.endsHint") },
        { path: "requests_per_minute", kind: "number", label: t("keys.perMinute") },
        { path: "max_in_flight", kind: "number", label: t("keys.atOnce") },
        { path: "tokens_per_day", kind: "number", label: t("keys.tokens") },
      ]}
      visibleOnce={({ key }) => <OneTimeSecret secret={key} label={t("keys.once")} />}
    />
  );
}

function Limits({ of }: { of: ServiceKey }) {
  const { t } = useTranslation("inference");
  const { requests_per_minute: perMinute, max_in_flight: atOnce, tokens_per_day: tokens } = of;
  return [
    perMinute === null ? null : t("keys.limitMinute", { count: perMinute }),
    atOnce === null ? null : t("keys.limitAtOnce", { count: atOnce }),
    tokens === null ? null : t("keys.limitTokens", { count: tokens }),
  ]
    .filter((limit) => limit !== null)
    .join(" · ");
}
