/** Webhooks: where messages go, and what became of them. */
import { Group, Stack } from "@mantine/core";
import type { Webhook } from "@remotegpu/control-plane/server/http/webhooks/webhooks";
import { useTranslation } from "react-i18next";
import { Consequences } from "../../components/confirm-dialog.tsx";
import { useFilters } from "../../components/filters.ts";
import { DialogForm } from "../../components/form/dialog-form.tsx";
import { OneTimeSecret } from "../../components/form/one-time-secret.tsx";
import { PageHead } from "../../components/page-head.tsx";
import { PageLink } from "../../components/page-link.tsx";
import { type Column, PageTable } from "../../components/page-table.tsx";
import { ActionButton } from "../../components/workload/action-button.tsx";
import { DeliveriesPanel } from "./deliveries-panel.tsx";

type WithSecret = Webhook & { secret: string };

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
      <PageTable<Webhook>
        title={t("title")}
        definition={t("definition")}
        path="/webhooks"
        columns={columns}
        keyOf={({ id }) => id}
        empty={t("empty")}
        actions={
          <DialogForm<WithSecret>
            open={t("add")}
            title={t("add")}
            submit={t("add")}
            method="POST"
            path="/webhooks"
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
  const path = `/webhooks/${id}`;
  return (
    <Group gap="xs">
      {active && <ActionButton label={t("try")} method="POST" path={`${path}/test`} />}
      <ActionButton
        label={t(active ? "switchOff" : "switchOn")}
        method="PATCH"
        path={path}
        body={{ active: !active }}
        {...(active && {
          requests: {
            title: t("offTitle", { url }),
            stops: [t("offStops")],
            keeps: [t("offKeeps")],
            charged: [t("charged")],
          },
        })}
      />
      <DialogForm<WithSecret>
        open={t("newSecret")}
        title={t("newSecret")}
        submit={t("newSecret")}
        method="POST"
        path={`${path}/secret`}
        fields={[]}
        visibleOnce={({ secret }) => <OneTimeSecret secret={secret} label={t("once")} />}
      >
        <Consequences stops={[t("newSecretStops")]} keeps={[t("newSecretKeeps")]} charged={[t("charged")]} />
      </DialogForm>
      <ActionButton
        label={t("remove")}
        method="DELETE"
        path={path}
        requests={{
          title: t("removeTitle", { url }),
          stops: [t("removeStops")],
          keeps: [t("removeKeeps")],
          charged: [t("charged")],
        }}
      />
    </Group>
  );
}
