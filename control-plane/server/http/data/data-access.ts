/** Who may do what with a dataset or a model: what may not be read is not there, and only its owner changes it. */
import { type DataReader, mayChangeData, mayReadData } from "../../core/accounts/data-rights.ts";
import { dataById, type DataKind, type DataRow } from "../../store/accounts/catalogue.ts";
import { workspaceIdsOf } from "../../store/accounts/workspaces.ts";
import type { ApiContext } from "../deps.ts";
import { actingOn } from "../request/audit.ts";
import { forbidden, notFound } from "../request/refusal.ts";
import { dataThing } from "./data-thing.ts";

export const DATA_NAMES = {
  dataset: { plural: "datasets", schema: "Dataset" },
  model: { plural: "models", schema: "Model" },
} as const;

export async function readerOf(c: ApiContext): Promise<DataReader> {
  const { actor, deps } = c.var;
  const workspaceIds = await workspaceIdsOf(deps.db, actor.customerId);
  return { customerId: actor.customerId, isAdmin: actor.isAdmin, workspaceIds };
}

export async function requireReadable(c: ApiContext, kind: DataKind, id: number): Promise<DataRow> {
  const entry = await dataById(c.var.deps.db, kind, id);
  if (entry === null || !mayReadData(await readerOf(c), sharedData(entry)))
    throw notFound(dataThing(kind, id));
  actingOn(c, { ownerCustomerId: entry.customer_id, subject: `${kind} ${id}` });
  return entry;
}

export async function requireOwn(c: ApiContext, kind: DataKind, id: number): Promise<DataRow> {
  const entry = await requireReadable(c, kind, id);
  if (!mayChangeData(await readerOf(c), sharedData(entry)))
    throw forbidden({ code: "data-of-another-owner", params: { thing: dataThing(kind, id) } });
  return entry;
}

function sharedData(entry: DataRow) {
  return {
    customerId: entry.customer_id,
    workspaceId: entry.workspace_id,
    visibility: entry.visibility,
  };
}
