/** What happened on a host. */
import type { EventShown } from "@remotegpu/control-plane/http/workloads/event-answer";
import { useTranslation } from "react-i18next";
import { AgeText } from "../../parts/age-text.tsx";
import { PageTable } from "../../parts/page-table.tsx";

export function HostEvents({ path, topics }: { path: string; topics: readonly string[] }) {
  const { t } = useTranslation("host");
  return (
    <PageTable<EventShown>
      title={t("events.title")}
      definition={t("events.definition")}
      path={`${path}/events`}
      topics={topics}
      columns={[
        { title: t("events.at"), cell: ({ at }) => <AgeText at={at} /> },
        { title: t("events.what"), cell: ({ kind }) => kind },
        {
          title: t("events.change"),
          cell: (event) => [event.old, event.new].filter((one) => one !== null).join(" → "),
        },
        { title: t("events.why"), cell: ({ reason }) => reason },
        { title: t("events.who"), cell: ({ actor }) => actor, isWide: true },
      ]}
      keyOf={({ id }) => id}
    />
  );
}
