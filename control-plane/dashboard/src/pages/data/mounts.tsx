/** Who mounts a dataset or a model: looked up among the newest workloads of each kind, once for the whole page. */
import { Stack } from "@mantine/core";
import type { Environment } from "@remotegpu/control-plane/http/environments/environment-answer";
import type { InferenceService } from "@remotegpu/control-plane/http/inference/inference-service-answer";
import type { TrainingJob } from "@remotegpu/control-plane/http/training/training-job-answer";
import { useTranslation } from "react-i18next";
import { type Page, useApi } from "../../api/use-api.ts";
import { PageLink } from "../../parts/page-link.tsx";

export type DataKind = "dataset" | "model";

export interface Mount {
  to: string;
  name: string;
}

const LOOKED_AT = { limit: 200 };
const WISH = { query: LOOKED_AT, topics: ["workloads"] };
const ENDED = ["completed", "failed", "cancelled", "deleting"];

type EnvironmentAnswer = (typeof Environment)["_output"];

/** Null while not all is known. */
function useMounts(kind: DataKind, id: number): Mount[] | null {
  const environments = useApi<Page<EnvironmentAnswer>>("/environments", WISH).data;
  const jobs = useApi<Page<TrainingJob>>("/training-jobs", WISH).data;
  const services = useApi<Page<InferenceService>>("/inference-services", WISH).data;
  if (environments === undefined || jobs === undefined || services === undefined) return null;
  const field = kind === "dataset" ? "mounted_datasets" : "mounted_models";
  return [
    ...environments.items
      .filter((one) => !ENDED.includes(one.status) && one[field]?.some((mount) => mount.id === id) === true)
      .map((one) => ({ to: `/environments/${one.id}`, name: one.name })),
    ...jobs.items
      .filter((one) => !ENDED.includes(one.status) && one[field]?.includes(id) === true)
      .map((one) => ({ to: `/training/${one.id}`, name: one.name })),
    ...services.items
      .filter((one) => kind === "model" && one.model_id === id)
      .map((one) => ({ to: `/inference/${one.id}`, name: one.name })),
  ];
}

export function MountsCell({ kind, id }: { kind: DataKind; id: number }) {
  const { t } = useTranslation(["data", "parts"]);
  const mounts = useMounts(kind, id);
  if (mounts === null) return t("notReported", { ns: "parts" });
  if (mounts.length === 0) return t("nobody");
  return (
    <Stack gap={0}>
      {mounts.map(({ to, name }) => (
        <PageLink key={to} to={to}>
          {name}
        </PageLink>
      ))}
    </Stack>
  );
}
