/** The reader's keys of the API. */
import { createApiKey, deleteApiKey, listApiKeys } from "@remotegpu/control-plane/client/generated/api";
import type { ApiKey } from "@remotegpu/control-plane/client/generated/api.schemas";
import { Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useMe } from "../../session/session.tsx";
import { AgeText } from "../../components/text/age-text.tsx";
import { DialogForm } from "../../components/form/dialog-form.tsx";
import { OneTimeSecret } from "../../components/form/one-time-secret.tsx";
import { NameText } from "../../components/text/name-text.tsx";
import { type Column, PageTable } from "../../components/page/page-table.tsx";
import { StatusBadge } from "../../components/status-badge.tsx";
import { ActionButton } from "../../components/workload/action-button.tsx";

export function ApiKeys() {
  const { t } = useTranslation("keys");
  const { api_key_id: ownId } = useMe();
  const columns: Column<ApiKey>[] = [
    {
      title: t("name"),
      cell: ({ id, name }) => (
        <>
          {name !== null && <NameText>{name}</NameText>}
          {id === ownId && (
            <Text size="sm" fw={600} data-own>
              {t("api.own")}
            </Text>
          )}
        </>
      ),
    },
    { title: t("api.prefix"), cell: ({ prefix }) => prefix, isWide: true },
    { title: t("api.scopes"), cell: ({ role, scopes }) => (role === "metrics" ? role : scopes.join(", ")) },
    { title: t("api.used"), cell: ({ last_used_at: at }) => <AgeText at={at} />, isWide: true },
    {
      title: t("api.ends"),
      cell: ({ expires_at: at, revoked_at: revoked }) => {
        if (revoked !== null) return <StatusBadge status="revoked" />;
        return at === null ? t("api.never") : <AgeText at={at} />;
      },
    },
    {
      title: t("acts"),
      cell: ({ id, name, revoked_at: revoked }) =>
        revoked === null && (
          <ActionButton
            label={t("api.revoke")}
            request={deleteApiKey(id)}
            consequences={{
              title: t("api.revokeTitle", { name: name ?? String(id) }),
              stops: [t("api.revokeStops"), ...(id === ownId ? [t("api.revokeOwnStops")] : [])],
              keeps: [t("api.revokeKeeps")],
              charged: [t("api.revokeCharged")],
            }}
          />
        ),
    },
  ];
  return (
    <PageTable
      title={t("api.title")}
      definition={t("api.definition")}
      list={listApiKeys()}
      columns={columns}
      keyOf={({ id }) => id}
      empty={t("api.empty")}
      actions={
        <DialogForm
          open={t("api.make")}
          title={t("api.make")}
          submit={t("api.make")}
          request={createApiKey}
          fields={[
            { path: "name", kind: "text", label: t("name"), isRequired: true, maxLength: 128 },
            { path: "scopes", kind: "words", label: t("api.scopes"), hint: t("api.scopesHint") },
            { path: "expires_at", kind: "moment", label: t("api.ends"), hint: t("api.endsHint") },
          ]}
          visibleOnce={({ key }) => <OneTimeSecret secret={key} label={t("api.once")} />}
        />
      }
    />
  );
}
