/** Filters of a list of workloads: a part of the name, and the state. They live in the address. */
import { Group, NativeSelect, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { useState } from "react";
import { useTranslation } from "react-i18next";

interface ListFiltersOf {
  name: string;
  status: string;
  statuses: readonly string[];
  onChange: (changed: { name?: string; status?: string }) => void;
}

const TYPING_MS = 300;

export function ListFilters({ name, status, statuses, onChange }: ListFiltersOf) {
  const { t, i18n } = useTranslation(["work", "parts"]);
  const [typed, setTyped] = useState(name);
  const report = useDebouncedCallback((text: string) => onChange({ name: text }), TYPING_MS);
  const word = (one: string) =>
    i18n.exists(`status.${one}`, { ns: "parts" })
      ? t(`status.${one}` as "status.running", { ns: "parts" })
      : one;
  return (
    <Group mb="sm" align="end">
      <TextInput
        label={t("filter.name")}
        value={typed}
        maxLength={512}
        onChange={({ currentTarget: { value } }) => {
          setTyped(value);
          report(value);
        }}
      />
      <NativeSelect
        label={t("filter.status")}
        value={status}
        onChange={({ currentTarget: { value } }) => onChange({ status: value })}
        data={[
          { value: "", label: t("filter.any") },
          ...statuses.map((value) => ({ value, label: word(value) })),
        ]}
      />
    </Group>
  );
}
