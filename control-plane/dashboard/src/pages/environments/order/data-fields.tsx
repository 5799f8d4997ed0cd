/** What it finds inside: datasets and models of one's own or shared with one, and variables. */
import { listDatasets, listModels } from "@remotegpu/control-plane/client/generated/api";
import type { DatasetPage, ModelPage } from "@remotegpu/control-plane/client/generated/api.schemas";
import { Checkbox, Fieldset, Stack, Text, Textarea } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useApi } from "../../../api/use-api.ts";
import type { Fields } from "./fields.tsx";
import "@mantine/core/styles/Fieldset.css";
import { ServerText } from "../../../components/text/server-text.tsx";
import { NameText } from "../../../components/text/name-text.tsx";

export function DataFields(fields: Fields) {
  const { draft, change, errorOf } = fields;
  const { t } = useTranslation("environments");
  return (
    <Stack gap="sm" mt="sm">
      <Mounts {...fields} field="datasets" title={t("order.datasets")} />
      <Mounts {...fields} field="models" title={t("order.models")} />
      <Textarea
        label={t("order.envVars")}
        description={t("order.envVarsHint")}
        value={draft.env_vars}
        onChange={(event) => change({ env_vars: event.currentTarget.value })}
        error={errorOf("env_vars")}
      />
    </Stack>
  );
}

const LISTS = { datasets: listDatasets, models: listModels } as const;

function Mounts({
  draft,
  change,
  errorOf,
  field,
  title,
}: Fields & { field: keyof typeof LISTS; title: string }) {
  const entries = useApi<DatasetPage | ModelPage>(LISTS[field]({ limit: 100 }), { isLive: false });
  const items = entries.data?.items.filter(({ status }) => status === "ready") ?? [];
  const error = errorOf(field);
  if (items.length === 0) return null;
  const toggle = (id: number, isOn: boolean) =>
    change({ [field]: isOn ? [...draft[field], id] : draft[field].filter((other) => other !== id) });
  return (
    <Fieldset legend={title}>
      <Stack gap="xs">
        {items.map(({ id, name }) => (
          <Checkbox
            key={id}
            label={<NameText>{name}</NameText>}
            checked={draft[field].includes(id)}
            onChange={(event) => toggle(id, event.currentTarget.checked)}
          />
        ))}
        {error !== undefined && (
          <Text size="sm" c="var(--mantine-color-error)" role="alert">
            <ServerText>{error}</ServerText>
          </Text>
        )}
      </Stack>
    </Fieldset>
  );
}
