/** Who mounts a dataset or a model, as the server tells with it: the first by name, and how many more. */
import {
  createDataset,
  createModel,
  deleteDataset,
  deleteModel,
  getDataset,
  getModel,
  listDatasetVersions,
  listDatasets,
  listModelVersions,
  listModels,
} from "@remotegpu/control-plane/client/generated/api";
import type { Dataset, Model } from "@remotegpu/control-plane/client/generated/api.schemas";
import { Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { PageLink } from "../../components/page/page-link.tsx";

/** The two kinds of data, each with its requests. */
export const DATA = {
  dataset: {
    list: listDatasets,
    get: getDataset,
    create: createDataset,
    remove: deleteDataset,
    versions: listDatasetVersions,
  },
  model: {
    list: listModels,
    get: getModel,
    create: createModel,
    remove: deleteModel,
    versions: listModelVersions,
  },
} as const;
export type DataKind = keyof typeof DATA;
export type DataEntry = Dataset | Model;

const HOMES = { environment: "/environments", training: "/training", inference: "/inference" } as const;

export function MountsCell({ of: { count, workloads } }: { of: DataEntry["mounted_by"] }) {
  const { t } = useTranslation("data");
  if (count === 0) return t("nobody");
  const others = count - workloads.length;
  return (
    <Stack gap={0}>
      {workloads.map(({ kind, id, name }) => (
        <PageLink key={id} to={`${HOMES[kind]}/${encodeURIComponent(id)}`}>
          {name}
        </PageLink>
      ))}
      {others > 0 && <Text size="sm">{t("others", { count: others })}</Text>}
    </Stack>
  );
}
