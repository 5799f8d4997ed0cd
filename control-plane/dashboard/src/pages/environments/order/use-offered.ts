/** What an order of an environment can choose from: images, specs, GPUs, workspaces, and data of one's own or shared. */
import {
  getOffers,
  listDatasets,
  listImages,
  listModels,
  listSpecs,
  listWorkspaces,
} from "@remotegpu/control-plane/client/generated/api";
import type { Dataset, Model } from "@remotegpu/control-plane/client/generated/api.schemas";
import { useApi } from "../../../api/use-api.ts";
import type { FieldChoice } from "../../../components/form/field.ts";
import { isolated } from "../../../locales/isolated.ts";
import type { Offered } from "./order-fields.ts";

const MOST = { limit: 100 };
const ONCE = { isLive: false };

export function useOffered(): Offered {
  const images = useApi(listImages({ status: "active", ...MOST }), ONCE);
  const specs = useApi(listSpecs(MOST), ONCE);
  const offers = useApi(getOffers());
  const workspaces = useApi(listWorkspaces(MOST), ONCE);
  const datasets = useApi(listDatasets(MOST), ONCE);
  const models = useApi(listModels(MOST), ONCE);
  return {
    images: (images.data?.items ?? []).map(({ name, display_name }) => ({
      value: name,
      label: isolated(display_name ?? name),
    })),
    specs: specs.data?.items.filter(({ retired_at }) => retired_at === null) ?? [],
    gpuModels: [...new Set(offers.data?.items.flatMap(({ gpu_model }) => gpu_model ?? []))],
    workspaces: (workspaces.data?.items ?? []).map(({ id, name }) => ({
      value: String(id),
      label: isolated(name),
    })),
    datasets: readyOf(datasets.data?.items),
    models: readyOf(models.data?.items),
  };
}

function readyOf(entries: readonly (Dataset | Model)[] = []): FieldChoice[] {
  return entries
    .filter(({ status }) => status === "ready")
    .map(({ id, name }) => ({ value: String(id), label: name }));
}
