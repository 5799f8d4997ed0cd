/** The fleet's hosts, for administrators: read them, name them, and take them out of service or bring them back. */
import { createRoute, z } from "@hono/zod-openapi";
import type { HostId } from "@remotegpu/shared/values/ids";
import { normalAddress } from "@remotegpu/shared/values/network-address";
import { displayText, text } from "@remotegpu/shared/values/text";
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { HOST_CONNECTIONS } from "@remotegpu/shared/values/workload";
import { drainDeadline, MAX_DRAIN_MS } from "../../core/hosts/drain.ts";
import { type Connection, type Transaction, transaction } from "../../store/database/database.ts";
import { appendEvent } from "../../store/events/events.ts";
import { confirmAddress, verdictOf } from "../../store/hosts/host-addresses.ts";
import { clearCanaryAlarm } from "../../store/reports/health/canary-reports.ts";
import { drainHost, takeBackDrain } from "../../store/reports/host-drain.ts";
import { removeHost, revokeHost } from "../../store/reports/host-removal.ts";
import {
  confirmStops,
  cordonHost,
  gpusOfHost,
  HOST_SORTS,
  hostById,
  type HostRow,
  listHosts,
  statusOf,
  uncordonHost,
  updateHost,
} from "../../store/hosts/hosts.ts";
import { asReported } from "../../core/reasons/reason.ts";
import { poolStateReason } from "../../core/hosts/pools/pool-membership.ts";
import { putInPool } from "../../store/hosts/pools/pool-members.ts";
import type { ApiApp, ApiContext, ApiDeps } from "../deps.ts";
import { Gpu, gpuAnswer } from "./gpu-answer.ts";
import { Host, hostAnswer } from "./host-answer.ts";
import { hostLabels } from "../request/host-labels.ts";
import { once } from "../request/idempotency.ts";
import { PlainName } from "../request/input-fields.ts";
import { cursorOf, limitOf, pageOf, PageQuery, pageQuery, toPage, wholePage } from "../request/pagination.ts";
import { badField, conflict, notFound } from "../request/refusal.ts";
import {
  forAdmins,
  jsonBody,
  noContent,
  ok,
  OpaqueIdPath,
  optionalJsonBody,
  Timestamp,
} from "../request/route.ts";

const tags = ["hosts"];
const params = OpaqueIdPath;

const MAX_LABELS = 64;
const MAX_TAGS = 64;

// Both have one name in the generated document, which is none of JSON Schema's.
const IpAddress = z.union([z.ipv4().openapi({ format: "ipv4" }), z.ipv6().openapi({ format: "ipv6" })]);

const HostChange = z
  .strictObject({
    name: displayText(128).optional().openapi({ description: "Its name", example: "gpu-07" }),
    public_ip: z
      .union([
        z.ipv4().openapi({ format: "ipv4" }),
        z.ipv6().openapi({ format: "ipv6" }),
        z.hostname().max(64),
      ])
      .nullable()
      .optional(),
    labels: hostLabels({ most: MAX_LABELS }).optional(),
    tags: z.array(text(128).min(1)).max(MAX_TAGS).optional(),
    storage_pool: PlainName.optional(),
  })
  .openapi("HostChange");

const reason = displayText(500).optional();
export const CordonRequest = z
  .strictObject({ reason: reason.openapi({ description: "Why; for operators", example: "new cables" }) })
  .openapi("Cordon");
const DrainRequest = z
  .strictObject({
    reason: reason.openapi({ description: "Why; users see it", example: "new power supply" }),
    deadline: Timestamp.optional().openapi({
      description: "When what runs there is stopped; left out, with deadline_seconds: at once",
    }),
    deadline_seconds: z
      .int()
      .min(1)
      .max(MAX_DRAIN_MS / MS_PER_SECOND)
      .optional()
      .openapi({ description: "The same, so many seconds from now", example: 7_200 }),
  })
  .openapi("Drain");

const ListQuery = z.strictObject({
  ...pageQuery,
  status: z.enum(["offline", "online", "maintenance"]).optional(),
  connection: z.enum(HOST_CONNECTIONS).optional().describe("Only those whose connection is so"),
  search: text(200).min(1).optional(),
  sort: z.enum(HOST_SORTS).optional().openapi({
    description: "By what they are sorted; id where left out",
    example: "name",
  }),
});

/** The list's name, by what it is sorted, and the last one's text of that and its id. */
const ListKey = z.tuple([z.literal("hosts"), z.enum(HOST_SORTS), text(256), text(64)]);

const list = createRoute({
  ...forAdmins,
  method: "get",
  path: "/hosts",
  tags,
  summary: "The hosts of the fleet",
  request: { query: ListQuery },
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

const verb = <Path extends string>(path: Path, summary: string) =>
  createRoute({
    ...forAdmins,
    method: "post",
    path,
    tags,
    summary,
    request: { params, body: optionalJsonBody(CordonRequest) },
    responses: ok("The host", Host),
  });

const cordon = verb("/hosts/{id}/cordon", "Place nothing new on it; what runs there goes on");
const uncordon = verb("/hosts/{id}/uncordon", "Place on it again");
const drain = createRoute({
  ...forAdmins,
  method: "post",
  path: "/hosts/{id}/drain",
  tags,
  summary: "Cordon it and stop what runs there, at once or at a deadline; users are notified",
  description: "cordon and uncordon take it back while the deadline lies ahead.",
  request: { params, body: optionalJsonBody(DrainRequest) },
  responses: ok("The host", Host),
});
const revoke = verb("/hosts/{id}/revoke", "Close its connection and refuse its key from now on");

const confirm = createRoute({
  ...forAdmins,
  method: "post",
  path: "/hosts/{id}/confirm-stops",
  operationId: "confirmHostStops",
  tags,
  summary: "Yes, so many stops are meant: lets the host carry out those of this generation",
  request: {
    params,
    body: jsonBody(
      z
        .strictObject({
          generation: z.int().nonnegative().openapi({
            description: "The generation whose stops are meant",
            example: 118,
          }),
        })
        .openapi("ConfirmStops"),
    ),
  },
  responses: ok("The host", Host),
});

const confirmPool = createRoute({
  ...forAdmins,
  method: "post",
  path: "/hosts/{id}/confirm-pool",
  operationId: "confirmHostPool",
  tags,
  summary: "Yes, it belongs to this storage pool: without a name, to the one that it named as it joined",
  description:
    "It is used at once in a pool of its own, which has its id as name, and where nobody of the pool could prove it; else once files that it and a proved member write for each other show that they share the pool. Repeated for a member that is not used, it is tried anew.",
  request: {
    params,
    body: optionalJsonBody(
      z
        .strictObject({
          storage_pool: PlainName.optional().openapi({
            description: "The pool; the one that the host named as it joined, if left out",
            example: "pool-a",
          }),
        })
        .openapi("ConfirmPool"),
    ),
  },
  responses: ok("The host", Host),
});

const confirmAddressRoute = createRoute({
  ...forAdmins,
  method: "post",
  path: "/hosts/{id}/confirm-address",
  operationId: "confirmHostAddress",
  tags,
  summary: "Yes, the address that it reports is its own: gateways and other hosts may connect to it there",
  description:
    "Needed where no connection of the host itself comes from that address and no network of HOST_NETWORKS has it. Null takes it back. Loopback, link-local and metadata addresses and those of the control plane are never confirmed.",
  request: {
    params,
    body: jsonBody(
      z
        .strictObject({
          address: z.union([IpAddress, z.null()]).openapi({
            description: "The address that it reports; null takes the confirmation back",
            example: "10.0.0.7",
          }),
        })
        .openapi("ConfirmAddress"),
    ),
  },
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
    const after = cursorOf(query, ListKey);
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

  api.openapi(cordon, async (c) => {
    const host = await hostOf(c.var.deps, c.req.valid("param").id);
    const reason = c.req.valid("json").reason ?? null;
    return await once(c, async (sql) => {
      const old = await statusOf(sql, host.id);
      await cordonHost(sql, { hostId: host.id, reason });
      await takeBackDrain(sql, host, { actor: actorName(c), now: deps.now() });
      const change = { old, new: await statusOf(sql, host.id), reason: asReported(reason) };
      await appendEvent(sql, { kind: "host-cordoned", hostId: host.id, ...change, ...deed(c) });
      return c.json(hostAnswer(await hostOf({ db: sql }, host.id)), 200);
    });
  });

  api.openapi(uncordon, async (c) => {
    const host = await hostOf(c.var.deps, c.req.valid("param").id);
    if (host.revoked_at !== null)
      throw conflict({ code: "host-revoked-for-good", params: { host_id: host.id } });
    const reason = c.req.valid("json").reason ?? null;
    return await once(c, async (sql, afterwards) => {
      const old = await statusOf(sql, host.id);
      await uncordonHost(sql, host.id);
      await clearCanaryAlarm(sql, { hostId: host.id, now: deps.now() });
      await takeBackDrain(sql, host, { actor: actorName(c), now: deps.now() });
      const change = { old, new: await statusOf(sql, host.id), reason: asReported(reason) };
      await appendEvent(sql, { kind: "host-uncordoned", hostId: host.id, ...change, ...deed(c) });
      afterwards(() => deps.link.wake());
      return c.json(hostAnswer(await hostOf({ db: sql }, host.id)), 200);
    });
  });

  api.openapi(drain, async (c) => {
    const host = await hostOf(c.var.deps, c.req.valid("param").id);
    const request = c.req.valid("json");
    const now = deps.now();
    const checked = drainDeadline(request, now);
    if (!checked.valid) throw badField(checked.field, checked.why);
    const order = { reason: request.reason ?? null, deadline: checked.deadline, actor: actorName(c), now };
    return await once(c, async (sql, afterwards) => {
      await drainHost(sql, host, order);
      afterwards(() => deps.link.nudge(host.id));
      return c.json(hostAnswer(await hostOf({ db: sql }, host.id)), 200);
    });
  });

  api.openapi(revoke, async (c) => {
    const host = await hostOf(c.var.deps, c.req.valid("param").id);
    const answer = await once(c, async (sql) => {
      await revokeHost(sql, host.id, { actor: actorName(c), now: deps.now() });
      return c.json(hostAnswer(await hostOf({ db: sql }, host.id)), 200);
    });
    await reportRevocation(c.var.deps, host.id);
    return answer;
  });

  api.openapi(confirm, async (c) => {
    const host = await hostOf(c.var.deps, c.req.valid("param").id);
    const { generation } = c.req.valid("json");
    return await once(c, async (sql, afterwards) => {
      if (!(await confirmStops(sql, { hostId: host.id, generation })))
        throw conflict({ code: "host-generation-behind", params: { host_id: host.id, generation } });
      const event = { kind: "stops-confirmed", hostId: host.id, new: String(generation), ...deed(c) };
      await appendEvent(sql, event);
      afterwards(() => deps.link.nudge(host.id));
      return c.json(hostAnswer(await hostOf({ db: sql }, host.id)), 200);
    });
  });

  api.openapi(confirmPool, async (c) => {
    const host = await hostOf(c.var.deps, c.req.valid("param").id);
    const { storage_pool: named } = c.req.valid("json");
    const pool = named ?? host.claimed_storage_pool ?? host.storage_pool;
    return await once(c, async (sql, afterwards) => {
      await intoPool(sql, c, { hostId: host.id, pool });
      afterwards(() => deps.link.wake());
      return c.json(hostAnswer(await hostOf({ db: sql }, host.id)), 200);
    });
  });

  api.openapi(confirmAddressRoute, async (c) => {
    const host = await hostOf(c.var.deps, c.req.valid("param").id);
    const requested = c.req.valid("json").address;
    const address = requested === null ? null : normalAddress(requested);
    if (address !== null && address !== normalAddress(host.ip_address))
      throw conflict({
        code: "host-address-differs",
        params: { host_id: host.id, address: host.ip_address },
      });
    return await once(c, async (sql) => {
      await confirmAddress(sql, { hostId: host.id, address });
      const now = await hostOf({ db: sql }, host.id);
      const verdict = verdictOf(now.address);
      if (address !== null && !verdict.isConfirmed)
        throw conflict({ code: "host-address-unusable", params: { detail: verdict.reason } });
      const change = { old: host.address.confirmedAddress, new: address };
      await appendEvent(sql, { kind: "host-address-confirmed", hostId: host.id, ...change, ...deed(c) });
      return c.json(hostAnswer(now), 200);
    });
  });

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

/** @throws ApiRefusal where that can be no pool of it */
async function intoPool(
  sql: Transaction,
  c: ApiContext,
  { hostId, pool }: { hostId: HostId; pool: string },
): Promise<void> {
  // What a host said of itself is no name yet.
  if (!PlainName.safeParse(pool).success) throw badField("storage_pool", "host-pool-to-name");
  const put = await putInPool(sql, { hostId, pool, now: c.var.deps.now() });
  if (!put.put) throw badField("storage_pool", put.why);
  const event = { kind: "pool-confirmed", hostId, new: pool, reason: poolStateReason(put.state), ...deed(c) };
  await appendEvent(sql, event);
}

/** It is done whether or not NATS can be told at once: the list is pushed again until NATS has it. */
async function reportRevocation({ link, log }: ApiDeps, host: HostId): Promise<void> {
  try {
    await link.revocationsChanged();
  } catch (error) {
    log.warn({ error, host }, "a host was revoked, and NATS could not be updated yet");
  }
}

/** As events name who did something and when. */
export function deed(c: ApiContext): { actor: string; at: Date } {
  return { actor: actorName(c), at: c.var.deps.now() };
}

function actorName(c: ApiContext): string {
  const { actor } = c.var;
  return `${actor.isAdmin ? "admin" : "customer"} ${actor.customerId}`;
}

async function hostOf({ db }: { db: Connection }, id: string): Promise<HostRow & { id: HostId }> {
  const host = await hostById(db, id);
  if (host === null) throw notFound({ code: "named-host", params: { host_id: id } });
  return { ...host, id: host.id as HostId };
}
