/** Datasets and models: what is in them, who mounts them, in which pools they lie. */
import { Stack } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useFilters } from "../../components/filters.ts";
import { PageHead } from "../../components/page/page-head.tsx";
import { EntriesTable } from "./entries-table.tsx";
import { EntryPanel } from "./entry-panel.tsx";

export default function DataPage() {
  const { t } = useTranslation("data");
  const [{ dataset, model }] = useFilters(["dataset", "model"]);
  return (
    <Stack>
      <PageHead title={t("title")} />
      {dataset !== "" && <EntryPanel kind="dataset" id={dataset} />}
      {model !== "" && <EntryPanel kind="model" id={model} />}
      <EntriesTable kind="dataset" />
      <EntriesTable kind="model" />
    </Stack>
  );
}
