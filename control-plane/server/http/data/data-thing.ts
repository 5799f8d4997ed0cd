/** How reasons name a dataset or a model. */
import type { Reason } from "../../core/reasons/reason.ts";
import type { DataKind } from "../../store/accounts/catalogue.ts";

const CODES = { dataset: "named-dataset", model: "named-model" } as const;

export function dataThing(kind: DataKind, id: number): Reason {
  return { code: CODES[kind], params: { data_id: id } };
}
