/** All datasets, or all models, that the reader may see. */
import type { NewDataset } from "@remotegpu/control-plane/client/generated/api.schemas";
import { asTyped } from "../../api/as-typed.ts";
import { Box } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { AgeText } from "../../components/text/age-text.tsx";
import { useFilters } from "../../components/filters.ts";
import { DialogForm } from "../../components/form/dialog-form.tsx";
import { PageLink } from "../../components/page/page-link.tsx";
import { type Column, PageTable } from "../../components/page/page-table.tsx";
import { bytesText } from "../../components/text/size-text.ts";
import { StatusBadge } from "../../components/status-badge.tsx";
import { TypedFilter } from "../../components/typed-filter.tsx";
import type { ApiRequest } from "@remotegpu/control-plane/client/api-request";
import { DATA, type DataEntry, type DataKind, MountsCell } from "./mounts.tsx";

const VISIBILITIES = ["private", "workspace", "public"] as const;
const MAX_NAME = 256;

export function EntriesTable({ kind }: { kind: DataKind }) {
  const { t } = useTranslation(["data", "work"]);
  const [{ name }, setFilters] = useFilters(["name"]);
  const columns: Column<DataEntry>[] = [
    { title: t("column.id"), cell: ({ id }) => id },
    {
      title: t("column.name"),
      cell: (entry) => <PageLink to={`/data?${kind}=${entry.id}`}>{entry.name}</PageLink>,
    },
    { title: t("column.status"), cell: ({ status }) => <StatusBadge status={status} /> },
    {
      title: t("column.size"),
      cell: ({ total_size: size }) => bytesText(size) ?? t("notMeasured"),
    },
    { title: t("column.mounts"), cell: (entry) => <MountsCell of={entry.mounted_by} />, isWide: true },
    {
      title: t("column.visibility"),
      cell: ({ visibility }) => t(`visibility.${visibility as "private"}`),
      isWide: true,
    },
    { title: t("column.made"), cell: ({ created_at: at }) => <AgeText at={at} />, isWide: true },
  ];
  return (
    <PageTable
      title={t(`${kind}.title`)}
      definition={t("definition")}
      list={DATA[kind].list(asTyped({ name }))}
      topics={["workloads"]}
      columns={columns}
      keyOf={({ id }) => id}
      empty={t(`${kind}.empty`)}
      actions={<NewEntry kind={kind} />}
      filters={
        <Box mb="sm" maw={320}>
          <TypedFilter
            label={t("filter.name", { ns: "work" })}
            value={name}
            maxLength={MAX_NAME}
            onChange={(text) => setFilters({ name: text })}
          />
        </Box>
      }
    />
  );
}

function NewEntry({ kind }: { kind: DataKind }) {
  const { t } = useTranslation("data");
  return (
    <DialogForm
      open={t(`${kind}.add`)}
      title={t(`${kind}.add`)}
      submit={t("add")}
      request={(body: NewDataset): ApiRequest<DataEntry> => DATA[kind].create(body)}
      fields={[
        { path: "name", kind: "text", label: t("column.name"), isRequired: true, maxLength: MAX_NAME },
        { path: "description", kind: "lines", label: t("description") },
        {
          path: "visibility",
          kind: "text",
          label: t("column.visibility"),
          initial: "private",
          choices: VISIBILITIES.map((value) => ({ value, label: t(`visibility.${value}`) })),
        },
        { path: "workspace_id", kind: "number", label: t("workspace"), hint: t("workspaceHint") },
      ]}
    >
      {t("addSays")}
    </DialogForm>
  );
}
