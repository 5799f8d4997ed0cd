/** What administrators do with a host: take it out of service and back, revoke its key, and confirm what it reports. */
import { createRoute } from "@hono/zod-openapi";
import type { HostId } from "@remotegpu/shared/values/ids";
import { normalAddress } from "@remotegpu/shared/values/network-address";
import { drainDeadline } from "../../core/hosts/drain.ts";
import { poolStateReason } from "../../core/hosts/pools/pool-membership.ts";
import { asReported } from "../../core/reasons/reason.ts";
import type { Connection, Transaction } from "../../store/database/database.ts";
import { appendEvent } from "../../store/events/events.ts";
import { confirmAddress, verdictOf } from "../../store/hosts/host-addresses.ts";
import {
  confirmStops,
  cordonHost,
  hostById,
  type HostRow,
  statusOf,
  uncordonHost,
} from "../../store/hosts/hosts.ts";
import { putInPool } from "../../store/hosts/pools/pool-members.ts";
import { clearCanaryAlarm } from "../../store/reports/health/canary-reports.ts";
import { drainHost, takeBackDrain } from "../../store/reports/host-drain.ts";
import { revokeHost } from "../../store/reports/host-removal.ts";
import type { ApiApp, ApiContext, ApiDeps } from "../deps.ts";
import { once } from "../request/idempotency.ts";
import { PlainName } from "../request/input-fields.ts";
import { badField, conflict, notFound } from "../request/refusal.ts";
import { forAdmins, jsonBody, ok, OpaqueIdPath, optionalJsonBody } from "../request/route.ts";
import { Host, hostAnswer } from "./host-answer.ts";
import { ConfirmAddress, ConfirmPool, ConfirmStops, CordonRequest, DrainRequest } from "./host-body.ts";

const tags = ["hosts"];
const params = OpaqueIdPath;

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
    body: jsonBody(ConfirmStops),
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
    body: optionalJsonBody(ConfirmPool),
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
    body: jsonBody(ConfirmAddress),
  },
  responses: ok("The host", Host),
});

export function registerHostVerbs(api: ApiApp, deps: ApiDeps): void {
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
}

/** @throws ApiRefusal where that can be no pool of it */
export async function intoPool(
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
export async function reportRevocation({ link, log }: ApiDeps, host: HostId): Promise<void> {
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

export function actorName(c: ApiContext): string {
  const { actor } = c.var;
  return `${actor.isAdmin ? "admin" : "customer"} ${actor.customerId}`;
}

export async function hostOf({ db }: { db: Connection }, id: string): Promise<HostRow & { id: HostId }> {
  const host = await hostById(db, id);
  if (host === null) throw notFound({ code: "named-host", params: { host_id: id } });
  return { ...host, id: host.id as HostId };
}
