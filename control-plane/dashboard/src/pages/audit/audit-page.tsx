/** Who asked for what, and what came of it. */
import { Group, TextInput } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { AgeText } from "../../parts/age-text.tsx";
import { useFilters } from "../../parts/filters.ts";
import { PageHead } from "../../parts/page-head.tsx";
import { PageTable } from "../../parts/page-table.tsx";

interface Entry {
  id: number;
  at: string;
  actor_customer_id: number | null;
  action: string;
  target_kind: string | null;
  target_id: string | null;
  outcome: string;
  problem: string | null;
}

export default function AuditPage() {
  const { t } = useTranslation("owner");
  const [{ actor, action, outcome }, setFilters] = useFilters(["actor", "action", "outcome"]);
  return (
    <>
      <PageHead title={t("audit.title")} />
      <Group mb="sm" align="flex-end">
        <TextInput
          label={t("audit.ofActor")}
          value={actor}
          onChange={({ currentTarget }) => setFilters({ actor: currentTarget.value })}
        />
        <TextInput
          label={t("audit.ofAction")}
          value={action}
          onChange={({ currentTarget }) => setFilters({ action: currentTarget.value })}
        />
        <TextInput
          label={t("audit.ofOutcome")}
          value={outcome}
          onChange={({ currentTarget }) => setFilters({ outcome: currentTarget.value })}
        />
      </Group>
      <PageTable<Entry>
        title={t("audit.title")}
        definition={t("audit.definition")}
        path="/audit-log"
        query={{ actor_customer_id: actor, action, outcome }}
        keyOf={({ id }) => id}
        columns={[
          { title: t("audit.at"), cell: ({ at }) => <AgeText at={at} /> },
          { title: t("audit.actor"), cell: ({ actor_customer_id }) => actor_customer_id },
          { title: t("audit.action"), cell: (entry) => entry.action },
          {
            title: t("audit.target"),
            cell: ({ target_kind, target_id }) => [target_kind, target_id].filter(Boolean).join(" "),
          },
          { title: t("audit.outcome"), cell: (entry) => entry.outcome },
          { title: t("audit.problem"), cell: ({ problem }) => problem, isWide: true },
        ]}
      />
    </>
  );
}
