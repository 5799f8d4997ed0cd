/** The fleet's hosts, for administrators: read them, name them, and take them out of the fleet. */
import { createRoute, z } from "@hono/zod-openapi";
import { transaction } from "../../store/database/transaction.ts";
import { gpusOfHost, listHosts, updateHost } from "../../store/hosts/hosts.ts";
import { removeHost } from "../../store/reports/host-removal.ts";
import type { ApiApp, ApiDeps } from "../deps.ts";
import { cursorOf, limitOf, pageOf, PageQuery, toPage, wholePage } from "../request/pagination.ts";
import { badField, conflict } from "../request/refusal.ts";
import { forAdmins, jsonBody, noContent, ok, OpaqueIdPath } from "../request/route.ts";
import { Gpu, gpuAnswer } from "./gpu-answer.ts";
import { Host, hostAnswer } from "./host-answer.ts";
import { HostChange, HostListKey, HostQuery } from "./host-body.ts";
import { actorName, hostOf, intoPool, registerHostVerbs, reportRevocation } from "./host-verbs.ts";

const tags = ["hosts"];
const params = OpaqueIdPath;

const list = createRoute({
  ...forAdmins,
  method: "get",
  path: "/hosts",
  tags,
  summary: "The hosts of the fleet",
  request: { query: HostQuery },
  responses: ok("A page of hosts", pageOf(Host)),
});

const get = createRoute({
  ...forAdmins,
  method: "get",
  path: "/hosts/{id}",
  tags,
  summary: "One host",
  request: { params },
  responses: ok("The host", Host),
});

const listGpus = createRoute({
  ...forAdmins,
  method: "get",
  path: "/hosts/{id}/gpus",
  tags,
  summary: "A host's GPUs; simulated ones are marked",
  request: { params, query: PageQuery },
  responses: ok("A page of GPUs, all of them without a limit", pageOf(Gpu)),
});

const patch = createRoute({
  ...forAdmins,
  method: "patch",
  path: "/hosts/{id}",
  tags,
  summary: "Change a host's name, address, labels, tags or storage pool",
  request: { params, body: jsonBody(HostChange) },
  responses: ok("The host", Host),
});

const remove = createRoute({
  ...forAdmins,
  method: "delete",
  path: "/hosts/{id}",
  tags,
  summary: "Take it out of the fleet. With lost=true its runs close at their last proven moment",
  request: {
    params,
    query: z.strictObject({
      lost: z.enum(["true", "false"]).optional().openapi({
        description: "true: it will not come back; its runs close at their last proven moment",
      }),
    }),
  },
  responses: noContent("It is gone"),
});

export function registerHostRoutes(api: ApiApp, deps: ApiDeps): void {
  const { db } = deps;

  api.openapi(list, async (c) => {
    const query = c.req.valid("query");
    const { status = null, connection = null, search = null, sort = "id" } = query;
    const after = cursorOf(query, HostListKey);
    if (after !== null && after[1] !== sort) throw badField("cursor", "cursor-unknown");
    const limit = limitOf(query);
    const page = { limit, after: after && { key: after[2], id: after[3] } };
    const rows = await listHosts(db, { status, connection, search, sort, page });
    const item = ({ sort_key: _key, ...row }: (typeof rows)[number]) => hostAnswer(row);
    return c.json(toPage(rows, limit, { item, key: (row) => ["hosts", sort, row.sort_key, row.id] }), 200);
  });

  api.openapi(get, async (c) => c.json(hostAnswer(await hostOf(deps, c.req.valid("param").id)), 200));

  api.openapi(listGpus, async (c) => {
    const host = await hostOf(deps, c.req.valid("param").id);
    // One that vanished keeps its place.
    const gpus = [...(await gpusOfHost(db, host.id)).entries()];
    const page = wholePage(gpus, c.req.valid("query"), {
      item: ([, gpu]) => gpuAnswer(gpu),
      number: ([place]) => place,
    });
    return c.json(page, 200);
  });

  api.openapi(patch, async (c) => {
    const host = await hostOf(c.var.deps, c.req.valid("param").id);
    const { storage_pool: pool, ...change } = c.req.valid("json");
    await transaction(c.var.deps.db, async (sql) => {
      // Said of the pool that it is in, it declines another one that the host claims, and is no new trial of a member.
      if (pool !== undefined && (pool !== host.storage_pool || host.claimed_storage_pool !== null))
        await intoPool(sql, c, { hostId: host.id, pool });
      await updateHost(sql, host.id, change);
    });
    return c.json(hostAnswer(await hostOf(c.var.deps, host.id)), 200);
  });

  registerHostVerbs(api, deps);

  api.openapi(remove, async (c) => {
    const host = await hostOf(c.var.deps, c.req.valid("param").id);
    const lost = c.req.valid("query").lost === "true";
    const removal = await transaction(c.var.deps.db, (sql) =>
      removeHost(sql, host.id, { lost, actor: actorName(c), now: deps.now() }),
    );
    if (!removal.removed)
      throw conflict({ code: "host-occupied", params: { instances: removal.instances, host_id: host.id } });
    await reportRevocation(c.var.deps, host.id);
    deps.link.wake();
    return c.body(null, 204);
  });
}
