/** Messages to one webhook of the last 30 days, with what the receiver said. */
import { listWebhookDeliveries } from "@remotegpu/control-plane/client/generated/api";
import type { WebhookDelivery } from "@remotegpu/control-plane/client/generated/api.schemas";
import { Code, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { AgeText } from "../../components/text/age-text.tsx";
import { NameText } from "../../components/text/name-text.tsx";
import { type Column, PageTable } from "../../components/page/page-table.tsx";

export function DeliveriesPanel({ id }: { id: string }) {
  const { t } = useTranslation("webhooks");
  const columns: Column<WebhookDelivery>[] = [
    { title: t("delivery.at"), cell: ({ created_at: at }) => <AgeText at={at} /> },
    { title: t("delivery.kind"), cell: ({ kind }) => kind },
    {
      title: t("state"),
      cell: ({ state, tries, next_try_at: next }) => (
        <>
          {t(`delivery.${state}`)}
          <Text size="sm" c="dimmed">
            {t("delivery.tries", { count: tries })} {next !== null && <AgeText at={next} />}
          </Text>
        </>
      ),
    },
    {
      title: t("delivery.answer"),
      cell: ({ last_status: status, last_error: error, last_answer: answer }) =>
        [status, error, answer].filter((part) => part !== null && part !== "").join(" · "),
    },
    {
      title: t("delivery.body"),
      cell: ({ body }) => (
        <details>
          <summary>{t("delivery.show")}</summary>
          <Code block style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>
            <NameText>{body}</NameText>
          </Code>
        </details>
      ),
      isWide: true,
    },
  ];
  return (
    <PageTable
      title={t("delivery.title")}
      definition={t("delivery.definition")}
      list={listWebhookDeliveries(id)}
      columns={columns}
      keyOf={(delivery) => delivery.id}
      empty={t("delivery.empty")}
    />
  );
}
