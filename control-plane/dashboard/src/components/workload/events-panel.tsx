/** What happened to a workload, the newest first. */
import type { EventPage } from "@remotegpu/control-plane/client/generated/api.schemas";
import { useTranslation } from "react-i18next";
import { AgeText } from "../text/age-text.tsx";
import { ChangeText } from "../text/change-text.tsx";
import { type Column, PageTable } from "../page/page-table.tsx";
import { type WorkloadRef, WORKLOADS } from "./workload.ts";
import { ReasonText } from "../text/reason-text.tsx";
import { TraceId } from "../text/trace-id.tsx";
import { Term } from "../text/term.tsx";

type Event = EventPage["items"][number];

export function EventsPanel({ workload }: { workload: WorkloadRef }) {
  const { t } = useTranslation(["workload", "parts"]);
  const columns: Column<Event>[] = [
    { title: t("events.at"), cell: ({ at }) => <AgeText at={at} /> },
    {
      title: t("events.what"),
      cell: ({ kind, old, new: now }) =>
        old === null && now === null ? (
          <Term kind="event">{kind}</Term>
        ) : (
          <>
            <Term kind="event">{kind}</Term>: <ChangeText from={old} to={now} isStatus />
          </>
        ),
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
  ];
  return (
    <PageTable
      title={t("events.title")}
      list={WORKLOADS[workload.kind].events(workload.id)}
      topics={workload.topics}
      columns={columns}
      keyOf={({ id }) => id}
      empty={t("events.empty")}
    />
  );
}
