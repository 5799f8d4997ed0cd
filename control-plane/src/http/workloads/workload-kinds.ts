/** The three kinds of workload as routes that are the same for all of them see them. */
import type { WorkloadKind } from "@remotegpu/shared/workload";
import { environmentById } from "../../store/environments/environments.ts";
import type { Connection } from "../../store/database/database.ts";
import { inferenceServiceById } from "../../store/inference/inference-services.ts";
import { trainingJobById } from "../../store/training/training-jobs.ts";
import type { ApiContext } from "../deps.ts";
import { authorizeWorkload } from "../request/authorization.ts";
import { notFound } from "../request/refusal.ts";

/** What all kinds tell of themselves. Only environments have a host of their own. */
export interface WorkloadState {
  id: string;
  customer_id: number;
  workspace_id: number | null;
  status: string;
  status_reason: string | null;
  host_id?: string | null;
  host_name?: string | null;
}

export interface RoutedKind {
  kind: WorkloadKind;
  path: "environments" | "training-jobs" | "inference-services";
  tag: string;
  /** "There is no … that you can see." */
  what: string;
  byId: (sql: Connection, id: string) => Promise<WorkloadState | null>;
}

export const ROUTED_KINDS: readonly RoutedKind[] = [
  {
    kind: "environment",
    path: "environments",
    tag: "environments",
    what: "environment",
    byId: environmentById,
  },
  {
    kind: "training",
    path: "training-jobs",
    tag: "training jobs",
    what: "training job",
    byId: trainingJobById,
  },
  {
    kind: "inference",
    path: "inference-services",
    tag: "inference services",
    what: "inference service",
    byId: inferenceServiceById,
  },
];

/** @throws ApiRefusal unless the actor may look at it */
export async function assertReadable(
  c: ApiContext,
  { byId, what }: RoutedKind,
  id: string,
): Promise<WorkloadState> {
  const row = await byId(c.var.deps.db, id);
  if (row === null) throw notFound(`${what} ${id}`);
  await authorizeWorkload(c, row, { action: "read-workload", what });
  return row;
}
