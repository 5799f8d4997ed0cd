/** How much of the fleet payers and workspaces are due beside the others that wait; administrators say. */
import { createRoute, z } from "@hono/zod-openapi";
import { setPayersShareWeight } from "../../store/accounts/customers.ts";
import { setShareWeight } from "../../store/accounts/workspaces.ts";
import type { ApiApp } from "../deps.ts";
import { notFound } from "../request/refusal.ts";
import { forAdmins, jsonBody, NumericIdPath, ok } from "../request/route.ts";

const MAX_SHARE_WEIGHT = 1000;

const ShareWeight = z
  .strictObject({ share_weight: z.int().min(1).max(MAX_SHARE_WEIGHT) })
  .openapi("ShareWeight");

const put = createRoute({
  ...forAdmins,
  method: "put",
  path: "/workspaces/{id}/share-weight",
  tags: ["workspaces"],
  summary:
    "Set its share beside the other workspaces of its owner that wait: twice the weight, twice the share",
  request: { params: NumericIdPath, body: jsonBody(ShareWeight) },
  responses: ok("The weight that holds", ShareWeight),
});

const putOfCustomer = createRoute({
  ...forAdmins,
  method: "put",
  path: "/customers/{id}/share-weight",
  tags: ["customers"],
  summary: "Set its share of the fleet beside other payers that wait: twice the weight, twice the share",
  request: { params: NumericIdPath, body: jsonBody(ShareWeight) },
  responses: ok("The weight that holds", ShareWeight),
});

export function registerShareWeightRoutes(api: ApiApp): void {
  api.openapi(put, async (c) => {
    const { id } = c.req.valid("param");
    const { share_weight } = c.req.valid("json");
    if (!(await setShareWeight(c.var.deps.db, id, share_weight)))
      throw notFound({ code: "named-workspace", params: { workspace_id: id } });
    return c.json({ share_weight }, 200);
  });

  api.openapi(putOfCustomer, async (c) => {
    const { id } = c.req.valid("param");
    const { share_weight } = c.req.valid("json");
    if (!(await setPayersShareWeight(c.var.deps.db, id, share_weight)))
      throw notFound({ code: "named-customer", params: { customer_id: id } });
    return c.json({ share_weight }, 200);
  });
}
