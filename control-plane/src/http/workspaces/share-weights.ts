/** How much GPU time a workspace is due beside the others that wait; administrators say, its members see it. */
import { createRoute, z } from "@hono/zod-openapi";
import { setShareWeight } from "../../store/accounts/workspaces.ts";
import type { ApiApp, ApiDeps } from "../deps.ts";
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
  summary: "Set its share of GPU time beside other workspaces that wait: twice the weight, twice the time",
  request: { params: NumericIdPath, body: jsonBody(ShareWeight) },
  responses: ok("The weight that holds", ShareWeight),
});

export function registerShareWeightRoutes(api: ApiApp, { db }: ApiDeps): void {
  api.openapi(put, async (c) => {
    const { id } = c.req.valid("param");
    const { share_weight } = c.req.valid("json");
    if (!(await setShareWeight(db, id, share_weight))) throw notFound(`workspace ${id}`);
    return c.json({ share_weight }, 200);
  });
}
