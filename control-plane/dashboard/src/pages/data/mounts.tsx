/** Who mounts a dataset or a model, as the server tells with it: the first by name, and how many more. */
import { Stack, Text } from "@mantine/core";
import type { DataEntry } from "@remotegpu/control-plane/server/http/data/data-entries";
import { useTranslation } from "react-i18next";
import { PageLink } from "../../components/page-link.tsx";

export type DataKind = "dataset" | "model";

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
