/** What an operator should look at; cleared once somebody has. */
import { Button, Group, TextInput } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useAct } from "../../api/use-api.ts";
import { AgeText } from "../../parts/age-text.tsx";
import { Choice } from "../../parts/choice.tsx";
import { useFilters } from "../../parts/filters.ts";
import { PageHead } from "../../parts/page-head.tsx";
import { PageTable } from "../../parts/page-table.tsx";
import { Failure } from "../../parts/panel.tsx";

interface Alarm {
  id: number;
  kind: string;
  subject: string;
  detail: string | null;
  raised_at: string;
  cleared_at: string | null;
}

export default function AlarmsPage() {
  const { t } = useTranslation("owner");
  const [{ open, kind, subject }, setFilters] = useFilters(["open", "kind", "subject"]);
  const clear = useAct<unknown, number>({
    method: "POST",
    path: (id) => `/alarms/${id}/clear`,
    body: () => undefined,
  });
  return (
    <>
      <PageHead title={t("alarms.title")} />
      {clear.error !== null && <Failure why={clear.error.message} />}
      <Group mb="sm" align="flex-end">
        <Choice
          label={t("alarms.ofState")}
          value={open}
          onChange={(value) => setFilters({ open: value })}
          data={[
            { value: "", label: t("alarms.all") },
            { value: "true", label: t("alarms.open") },
            { value: "false", label: t("alarms.cleared") },
          ]}
        />
        <TextInput
          label={t("alarms.ofKind")}
          value={kind}
          onChange={({ currentTarget }) => setFilters({ kind: currentTarget.value })}
        />
        <TextInput
          label={t("alarms.ofSubject")}
          value={subject}
          onChange={({ currentTarget }) => setFilters({ subject: currentTarget.value })}
        />
      </Group>
      <PageTable<Alarm>
        title={t("alarms.title")}
        definition={t("alarms.definition")}
        path="/alarms"
        query={{ open, kind, subject }}
        topics={["alarms"]}
        keyOf={({ id }) => id}
        columns={[
          { title: t("alarms.raised"), cell: ({ raised_at }) => <AgeText at={raised_at} /> },
          { title: t("alarms.kind"), cell: ({ kind }) => kind },
          { title: t("alarms.subject"), cell: ({ subject }) => subject },
          { title: t("alarms.detail"), cell: ({ detail }) => detail },
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
