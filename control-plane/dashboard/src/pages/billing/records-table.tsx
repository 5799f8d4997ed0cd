/** What was charged and given back, record by record: each leads to its proof, and a credit says why. */
import { listBillingRecords, listWorkspaces } from "@remotegpu/control-plane/client/generated/api";
import type { BillingRecord } from "@remotegpu/control-plane/client/generated/api.schemas";
import { Button, Group, NativeSelect, Stack, TextInput } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { asTyped } from "../../api/as-typed.ts";
import { sendForText } from "../../api/client.ts";
import { thrownError } from "../../api/thrown-error.ts";
import { useApi } from "../../api/use-api.ts";
import { AgeText } from "../../components/text/age-text.tsx";
import { useFilters } from "../../components/filters.ts";
import { isolated } from "../../locales/isolated.ts";
import { Money } from "../../components/text/money.tsx";
import { NotReported } from "../../components/text/not-reported.tsx";
import { PageLink } from "../../components/page/page-link.tsx";
import { type Column, PageTable } from "../../components/page/page-table.tsx";
import { Failure } from "../../components/page/panel.tsx";
import { AsReported } from "../../components/text/server-text.tsx";
import { saveFile } from "../../components/save-file.ts";
import { TypedFilter } from "../../components/typed-filter.tsx";
import { TOPICS } from "./topics.ts";
import { useTypeWord } from "./type-word.ts";

const MAX_ID = 64;
const MOST_WORKSPACES = 200;
/** Whose bill they may read; null: an administrator. */
const READERS = ["owner", "admin", null];

export function RecordsTable() {
  const { t } = useTranslation("billing");
  const [{ resource, workspace, day }, setFilters] = useFilters(["resource", "workspace", "day"]);
  const records = listBillingRecords(asTyped({ resource_id: resource, workspace_id: workspace, day }));
  const [failed, setFailed] = useState<Error | null>(null);
  const save = () =>
    void sendForText(records, { accept: "text/csv" }).then(
      (text) => saveFile("records.csv", text, "text/csv"),
      (error: unknown) => setFailed(thrownError(error)),
    );
  return (
    <PageTable
      title={t("records.title")}
      definition={t("records.definition")}
      list={records}
      topics={TOPICS}
      keyOf={({ id }) => id}
      actions={
        <Button variant="default" size="compact-sm" onClick={save}>
          {t("records.csv")}
        </Button>
      }
      filters={
        <Stack gap="xs" mb="sm">
          {failed !== null && <Failure why={failed} />}
          <Group align="end">
            <NativeSelect
              label={t("records.ofWorkspace")}
              value={workspace}
              onChange={({ currentTarget: { value } }) => setFilters({ workspace: value })}
              data={useWorkspaces(workspace)}
            />
            <TextInput
              type="date"
              label={t("records.ofDay")}
              value={day}
              onChange={({ currentTarget: { value } }) => setFilters({ day: value })}
            />
            <TypedFilter
              label={t("records.resourceId")}
              value={resource}
              maxLength={MAX_ID}
              onChange={(text) => setFilters({ resource: text })}
            />
          </Group>
        </Stack>
      }
      columns={useColumns()}
    />
  );
}

/** Those whose bill the reader may see, and the one that the address names. */
function useWorkspaces(chosen: string): { value: string; label: string }[] {
  const { t } = useTranslation("billing");
  const workspaces = useApi(listWorkspaces({ limit: MOST_WORKSPACES }), { isLive: false });
  const known = (workspaces.data?.items ?? [])
    .filter(({ role }) => READERS.includes(role))
    .map(({ id, name }) => ({ value: String(id), label: isolated(name) }));
  const isNamed = chosen === "" || known.some(({ value }) => value === chosen);
  return [
    { value: "", label: t("records.all") },
    ...known,
    ...(isNamed ? [] : [{ value: chosen, label: t("sums.gone", { id: chosen }) }]),
  ];
}

function useColumns(): Column<BillingRecord>[] {
  const { t } = useTranslation("billing");
  const typeWord = useTypeWord();
  return [
    { title: t("records.end"), cell: ({ end_time }) => <AgeText at={end_time} /> },
    {
      title: t("records.what"),
      cell: (one) => one.resource_name ?? one.resource_id ?? typeWord(one),
    },
    { title: t("records.line"), cell: ({ line }) => line },
    {
      title: t("records.minutes"),
      cell: ({ billing_minutes: minutes }) => minutes ?? <NotReported />,
      isWide: true,
    },
    {
      title: t("records.price"),
      cell: ({ unit_price: price, billing_unit: unit }) =>
        [price, unit].filter((part) => part !== null).join(" / "),
      isWide: true,
    },
    { title: t("records.amount"), cell: ({ amount }) => <Money points={amount} /> },
    { title: t("records.cause"), cell: (one) => <Cause of={one} />, isWide: true },
    {
      title: t("records.proof"),
      cell: ({ id, run_id: runId, resource_type: type }) =>
        runId === null ? (
          t(type === "storage" ? "records.noneOfStorage" : "records.noneOfOld")
        ) : (
          <PageLink to={`/billing/records/${id}`}>{t("records.open", { id })}</PageLink>
        ),
    },
  ];
}

/** A charge has none beside the use of its thing. */
function Cause({ of: record }: { of: BillingRecord }) {
  if (!record.amount.startsWith("-")) return null;
  return record.cause === null ? <NotReported /> : <AsReported>{record.cause}</AsReported>;
}
