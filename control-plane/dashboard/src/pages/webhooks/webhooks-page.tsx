/** Webhooks: where messages go, and what became of them. */
import {
  changeWebhook,
  createWebhook,
  createWebhookSecret,
  deleteWebhook,
  listWebhooks,
  testWebhook,
} from "@remotegpu/control-plane/client/generated/api";
import type { Webhook } from "@remotegpu/control-plane/client/generated/api.schemas";
import { Group, Stack } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { Consequences } from "../../components/confirm-dialog.tsx";
import { useFilters } from "../../components/filters.ts";
import { DialogForm } from "../../components/form/dialog-form.tsx";
import { OneTimeSecret } from "../../components/form/one-time-secret.tsx";
import { PageHead } from "../../components/page/page-head.tsx";
import { PageLink } from "../../components/page/page-link.tsx";
import { type Column, PageTable } from "../../components/page/page-table.tsx";
import { ActionButton } from "../../components/workload/action-button.tsx";
import { DeliveriesPanel } from "./deliveries-panel.tsx";

export default function WebhooksPage() {
  const { t } = useTranslation("webhooks");
  const [{ webhook }] = useFilters(["webhook"]);
  const columns: Column<Webhook>[] = [
    {
      title: t("address"),
      cell: ({ id, url }) => <PageLink to={`/webhooks?webhook=${id}`}>{url}</PageLink>,
    },
    { title: t("kinds"), cell: ({ kinds }) => kinds?.join(", ") ?? t("all"), isWide: true },
    { title: t("state"), cell: ({ active }) => t(active ? "on" : "off") },
    { title: t("acts"), cell: (one) => <WebhookActions webhook={one} /> },
  ];
  return (
    <Stack>
      <PageHead title={t("title")} />
      <PageTable
        title={t("title")}
        definition={t("definition")}
        list={listWebhooks()}
        columns={columns}
        keyOf={({ id }) => id}
        empty={t("empty")}
        actions={
          <DialogForm
            open={t("add")}
            title={t("add")}
            submit={t("add")}
            request={createWebhook}
            fields={[
              { path: "url", kind: "text", label: t("address"), hint: t("addressHint"), isRequired: true },
              { path: "kinds", kind: "words", label: t("kinds"), hint: t("kindsHint") },
            ]}
            visibleOnce={({ secret }) => <OneTimeSecret secret={secret} label={t("once")} />}
          />
        }
      />
      {webhook !== "" && <DeliveriesPanel id={webhook} />}
    </Stack>
  );
}

function WebhookActions({ webhook: { id, url, active } }: { webhook: Webhook }) {
  const { t } = useTranslation("webhooks");
  return (
    <Group gap="xs">
      {active && <ActionButton label={t("try")} request={testWebhook(id)} />}
      <ActionButton
        label={t(active ? "switchOff" : "switchOn")}
        request={changeWebhook(id, { active: !active })}
        {...(active && {
          consequences: {
            title: t("offTitle", { url }),
            stops: [t("offStops")],
            keeps: [t("offKeeps")],
            charged: [t("charged")],
          },
        })}
      />
      <DialogForm
        open={t("newSecret")}
        title={t("newSecret")}
        submit={t("newSecret")}
        request={() => createWebhookSecret(id)}
        fields={[]}
        visibleOnce={({ secret }) => <OneTimeSecret secret={secret} label={t("once")} />}
      >
        <Consequences stops={[t("newSecretStops")]} keeps={[t("newSecretKeeps")]} charged={[t("charged")]} />
      </DialogForm>
      <ActionButton
        label={t("remove")}
        request={deleteWebhook(id)}
        consequences={{
          title: t("removeTitle", { url }),
          stops: [t("removeStops")],
          keeps: [t("removeKeeps")],
          charged: [t("charged")],
        }}
      />
    </Group>
  );
}
