/** What waits, in line order, and why. */
import { Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useMe } from "../../frame/session.tsx";
import { AgeText } from "../../parts/age-text.tsx";
import { PageHead } from "../../parts/page-head.tsx";
import { PageLink } from "../../parts/page-link.tsx";
import { type Column, PageTable } from "../../parts/page-table.tsx";
import { bytesText } from "../../parts/size-text.ts";

interface Waiting {
  position: number;
  kind: string;
  id: string;
  name: string;
  customer: string | null;
  size: { instances: number; gpus: number; gpu_model: string | null; cpu: number; memory: number };
  priority: number;
  queued_at: string;
  reason: string | null;
  would_start: string | null;
}

const HOMES: Readonly<Record<string, string>> = {
  environment: "/environments",
  training: "/training",
  inference: "/inference",
};

export default function QueuePage() {
  const { t } = useTranslation("queue");
  const { isAdmin } = useMe();
  const columns: Column<Waiting>[] = [
    { title: t("column.position"), cell: ({ position }) => position },
    {
      title: t("column.order"),
      cell: ({ kind, id, name }) => <PageLink to={`${HOMES[kind] ?? ""}/${id}`}>{name}</PageLink>,
    },
    ...(isAdmin ? [{ title: t("column.customer"), cell: ({ customer }: Waiting) => customer }] : []),
    {
      title: t("column.size"),
      cell: ({ size }) => (
        <>
          {t("size", { ...size, memory: bytesText(size.memory) ?? "" })}
          {size.gpu_model !== null && (
            <Text size="sm" c="dimmed">
              {size.gpu_model}
            </Text>
          )}
        </>
      ),
      isWide: true,
    },
    { title: t("column.priority"), cell: ({ priority }) => priority, isWide: true },
    { title: t("column.waited"), cell: ({ queued_at }) => <AgeText at={queued_at} /> },
    { title: t("column.reason"), cell: ({ reason }) => reason },
    { title: t("column.wouldStart"), cell: ({ would_start }) => would_start, isWide: true },
  ];
  return (
    <>
      <PageHead title={t("title")} />
      <PageTable<Waiting>
        title={t("title")}
        definition={t("definition")}
        path="/queue"
        topics={["queue"]}
        columns={columns}
        keyOf={({ kind, id }) => `${kind}/${id}`}
        empty={t("empty")}
      />
    </>
  );
}
