/** What an operator should look at; cleared once somebody has. */
import { asTyped } from "../../api/as-typed.ts";
import { clearAlarm, listAlarms } from "@remotegpu/control-plane/client/generated/api";
import type { Alarm } from "@remotegpu/control-plane/client/generated/api.schemas";
import { Button, Group } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useAction } from "../../api/use-api.ts";
import { AgeText } from "../../components/text/age-text.tsx";
import { Choice } from "../../components/choice.tsx";
import { useFilters } from "../../components/filters.ts";
import { NameText } from "../../components/text/name-text.tsx";
import { PageHead } from "../../components/page/page-head.tsx";
import { PageLink } from "../../components/page/page-link.tsx";
import { PageTable } from "../../components/page/page-table.tsx";
import { Failure } from "../../components/page/panel.tsx";
import { ServerText } from "../../components/text/server-text.tsx";
import { Term } from "../../components/text/term.tsx";
import { TypedFilter } from "../../components/typed-filter.tsx";

/** Of the address; without it the open ones are looked at. */
const STATES: Readonly<Record<string, string>> = { all: "", false: "false" };
const MAX_KIND = 64;

export default function AlarmsPage() {
  const { t } = useTranslation("owner");
  const [{ open, kind, subject }, setFilters] = useFilters(["open", "kind", "subject"]);
  const clear = useAction((id: number) => clearAlarm(id));
  return (
    <>
      <PageHead title={t("alarms.title")} />
      {clear.error !== null && <Failure why={clear.error} isAct />}
      <Group mb="sm" align="flex-end">
        <Choice
          label={t("alarms.ofState")}
          value={open === "true" ? "" : open}
          onChange={(value) => setFilters({ open: value })}
          data={[
            { value: "", label: t("alarms.open") },
            { value: "false", label: t("alarms.cleared") },
            { value: "all", label: t("alarms.all") },
          ]}
        />
        <TypedFilter
          label={t("alarms.ofKind")}
          maxLength={MAX_KIND}
          value={kind}
          onChange={(text) => setFilters({ kind: text })}
        />
        <TypedFilter
          label={t("alarms.ofSubject")}
          value={subject}
          onChange={(text) => setFilters({ subject: text })}
        />
      </Group>
      <PageTable
        title={t("alarms.title")}
        definition={t("alarms.definition")}
        list={listAlarms(asTyped({ open: STATES[open] ?? "true", kind, subject }))}
        topics={["alarms"]}
        keyOf={({ id }) => id}
        columns={[
          { title: t("alarms.raised"), cell: ({ raised_at }) => <AgeText at={raised_at} /> },
          { title: t("alarms.kind"), cell: ({ kind }) => <Term kind="alarm">{kind}</Term> },
          { title: t("alarms.subject"), cell: (alarm) => <Subject of={alarm} /> },
          {
            title: t("alarms.detail"),
            cell: ({ detail, reason_code: code, reason_params: params }) => (
              <ServerText code={code} params={params}>
                {detail}
              </ServerText>
            ),
          },
          {
            title: t("alarms.cleared"),
            cell: ({ id, cleared_at }) =>
              cleared_at === null ? (
                <Button size="compact-sm" variant="default" onClick={() => clear.mutate(id)}>
                  {t("alarms.clear", { id })}
                </Button>
              ) : (
                <AgeText at={cleared_at} />
              ),
          },
        ]}
      />
    </>
  );
}

const HOMES = {
  host: "/hosts/",
  environment: "/environments/",
  training: "/training/",
  inference: "/inference/",
  customer: "/money?customer=",
} as const;

function Subject({ of: { subject, about } }: { of: Alarm }) {
  const to = about === null ? null : addressOf(about);
  return to === null ? <NameText>{subject}</NameText> : <PageLink to={to}>{subject}</PageLink>;
}

/** Null: a card that no host has. */
function addressOf({ kind, id, host_id: hostId }: NonNullable<Alarm["about"]>): string | null {
  if (kind !== "gpu") return HOMES[kind] + encodeURIComponent(id);
  return hostId === null ? null : `/hosts/${encodeURIComponent(hostId)}?card=${encodeURIComponent(id)}`;
}
