/** What happened on a host. */
import type { StreamTopic } from "@remotegpu/control-plane/client/stream-topics";
import { listHostEvents } from "@remotegpu/control-plane/client/generated/api";
import { useTranslation } from "react-i18next";
import { AgeText } from "../../components/text/age-text.tsx";
import { ChangeText } from "../../components/text/change-text.tsx";
import { PageTable } from "../../components/page/page-table.tsx";
import { ReasonText } from "../../components/text/reason-text.tsx";
import { TraceId } from "../../components/text/trace-id.tsx";
import { Term } from "../../components/text/term.tsx";

export function HostEvents({ hostId, topics }: { hostId: string; topics: readonly StreamTopic[] }) {
  const { t } = useTranslation(["host", "parts"]);
  return (
    <PageTable
      title={t("events.title")}
      definition={t("events.definition")}
      list={listHostEvents(hostId)}
      topics={topics}
      columns={[
        { title: t("events.at"), cell: ({ at }) => <AgeText at={at} /> },
        { title: t("events.what"), cell: ({ kind }) => <Term kind="event">{kind}</Term> },
        {
          title: t("events.change"),
          cell: (event) => <ChangeText from={event.old} to={event.new} isStatus />,
        },
        {
          title: t("events.why"),
          cell: (event) => <ReasonText of={event} field="reason" />,
        },
        { title: t("events.who"), cell: ({ actor }) => actor, isWide: true },
        {
          title: t("parts:trace.title"),
          cell: ({ trace_id: id }) => id !== null && <TraceId>{id}</TraceId>,
          isWide: true,
        },
      ]}
      keyOf={({ id }) => id}
    />
  );
}
