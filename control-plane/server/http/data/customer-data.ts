/** The data of customers who have owed for long: an administrator has it deleted, and sees which folders are to go. */
import { createRoute, z } from "@hono/zod-openapi";
import { text } from "@remotegpu/shared/values/text";
import type { WorkloadKind } from "@remotegpu/shared/values/workload";
import { deleteCustomerData } from "../../store/spending/deletion.ts";
import { deleteCodesOf } from "../../store/training/codes.ts";
import { type DataRemoval as RemovalRow, removalsOf } from "../../store/spending/data/folders.ts";
import type { ApiApp, ApiDeps } from "../deps.ts";
import { once } from "../request/idempotency.ts";
import { numericPage, pageOf, PageQuery, toPage } from "../request/pagination.ts";
import { badField, conflict } from "../request/refusal.ts";
import { accepted, forAdmins, jsonBody, NumericIdPath, ok, Timestamp } from "../request/route.ts";
import { requireCustomer } from "../accounts/customers.ts";
import { notifyOf } from "../workloads/orders.ts";
import type { RoutedKind } from "../workloads/routed-kind.ts";

const tags = ["customers"];

const DataRemoval = z
  .object({
    id: z.int(),
    ordered_at: Timestamp.describe("When the data was deleted"),
    ordered_by: z.string().openapi({ description: "Who ordered it", example: "admin 1" }),
    resource_type: z.string().openapi({
      description: "What it was: environment, training, dataset or model",
      example: "dataset",
    }),
    resource_id: z.string().openapi({ description: "Which it was", example: "12" }),
    storage_pool: z.string().nullable().openapi({
      description: "Null: in whichever pool has the folder",
      example: "pool-a",
    }),
    folder: z.string().openapi({
      description: "Below the root of the pool",
      example: "0f8fad5b-d9cb-469f-a165-70867728950e/datasets/12",
    }),
  })
  .openapi("DataRemoval");

const DataDeletion = z
  .object({
    environments: z.array(z.string()).openapi({
      description: "Environments that are being deleted",
      example: ["env-5b1f6c0e"],
    }),
    training_jobs: z.array(z.string()).openapi({
      description: "Training jobs that were not over, and are cancelled",
      example: ["job-5b1f6c0e"],
    }),
    inference_services: z.array(z.string()).openapi({
      description: "Services that are deleted",
      example: ["svc-5b1f6c0e"],
    }),
    datasets: z.array(z.int()).openapi({ description: "Datasets that are gone", example: [12] }),
    models: z.array(z.int()).openapi({ description: "Models that are gone", example: [7] }),
    kept: z
      .array(
        z.object({
          kind: z.string().openapi({ description: "dataset or model", example: "dataset" }),
          id: z.int(),
          mounted_by: z.string().openapi({
            description: "The workload that still mounts it",
            example: "env-5b1f6c0e",
          }),
        }),
      )
      .openapi({ description: "Still mounted; retry once that is gone" }),
  })
  .openapi("DataDeletion");

const deleteDataOf = createRoute({
  ...forAdmins,
  method: "post",
  path: "/customers/{id}/delete-data",
  operationId: "deleteCustomerData",
  tags,
  summary: "Delete the data of a customer who has been overdue for 60 days; folders are listed for removal",
  request: {
    params: NumericIdPath,
    body: jsonBody(
      z
        .strictObject({
          confirm_username: text(128).openapi({
            description: "The customer's username, once more",
            example: "ada",
          }),
        })
        .openapi("DataDeletionOrder"),
    ),
  },
  responses: accepted("What is deleted; its folders are at data-removals", DataDeletion),
});

const listRemovals = createRoute({
  ...forAdmins,
  method: "get",
  path: "/customers/{id}/data-removals",
  tags,
  summary:
    "Folders of deleted data, for whoever removes them from their storage pools: no host does by itself",
  request: { params: NumericIdPath, query: PageQuery },
  responses: ok("A page of folders", pageOf(DataRemoval)),
});

export function registerCustomerDataRoutes(
  api: ApiApp,
  deps: ApiDeps,
  { kinds }: { kinds: readonly RoutedKind[] },
): void {
  const { db } = deps;
  const endings = new Map(
    kinds.flatMap(({ kind, orders }) => (orders === null ? [] : [[kind, orders.ending] as const])),
  );

  api.openapi(deleteDataOf, async (c) => {
    const customer = await requireCustomer(c.var.deps, c.req.valid("param").id);
    if (c.req.valid("json").confirm_username !== customer.username)
      throw badField("confirm_username", "username-not-confirmed");
    const decision = {
      customerId: customer.id,
      actor: `admin ${c.var.actor.customerId}`,
      now: deps.now(),
      endings,
    };
    return await once(c, async (sql, afterwards) => {
      const deletion = await deleteCustomerData(sql, decision);
      if (!deletion.done)
        throw conflict({ code: "account-data-not-at-risk", params: { username: customer.username } });
      await deleteCodesOf(sql, customer.id);
      const { workloads, datasets, models, hostIds } = deletion;
      afterwards(() => notifyOf(c, hostIds));
      const ended = (requested: WorkloadKind) =>
        workloads.filter(({ kind }) => kind === requested).map(({ id }) => id);
      const stored = deletion.stored.map(({ mountedBy, ...entry }) => ({ ...entry, mounted_by: mountedBy }));
      return c.json(
        {
          environments: ended("environment"),
          training_jobs: ended("training"),
          inference_services: ended("inference"),
          datasets: [...datasets],
          models: [...models],
          kept: stored,
        },
        202,
      );
    });
  });

  api.openapi(listRemovals, async (c) => {
    const { id } = await requireCustomer(deps, c.req.valid("param").id);
    const page = numericPage(c.req.valid("query"));
    const rows = await removalsOf(db, id, page);
    return c.json(toPage(rows, page.limit, { item: removalAnswer, key: (row) => [row.id] }), 200);
  });
}

function removalAnswer(row: RemovalRow): z.input<typeof DataRemoval> {
  return { ...row, ordered_at: row.ordered_at.toISOString() };
}
