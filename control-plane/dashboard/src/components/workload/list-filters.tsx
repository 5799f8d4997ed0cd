/** Filters of a list of workloads: a part of the name, and the state. They live in the address. */
import { Group } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { Choice } from "../choice.tsx";
import { TypedFilter } from "../typed-filter.tsx";

interface ListFiltersOf {
  name: string;
  status: string;
  statuses: readonly string[];
  onChange: (changed: { name?: string; status?: string }) => void;
}

export function ListFilters({ name, status, statuses, onChange }: ListFiltersOf) {
  const { t, i18n } = useTranslation(["work", "parts"]);
  const word = (one: string) =>
    i18n.exists(`status.${one}`, { ns: "parts" })
      ? t(`status.${one}` as "status.running", { ns: "parts" })
      : one;
  return (
    <Group mb="sm" align="end">
      <TypedFilter
        label={t("filter.name")}
        value={name}
        maxLength={512}
        onChange={(text) => onChange({ name: text })}
      />
      <Choice
        label={t("filter.status")}
        value={status}
        onChange={(value) => onChange({ status: value })}
        data={[
          { value: "", label: t("filter.any") },
          ...statuses.map((value) => ({ value, label: word(value) })),
        ]}
      />
    </Group>
  );
}
