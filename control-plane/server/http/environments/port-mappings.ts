/** Ports of environments on their hosts: listed, opened by hand, closed. Those of services are taken with each start. */
import { createRoute, z } from "@hono/zod-openapi";
import type { HostId } from "@remotegpu/shared/values/ids";
import { LEASE_SERVICES } from "@remotegpu/shared/instance/lease";
import { text } from "@remotegpu/shared/values/text";
import { customPortObstacle } from "../../core/leases/lease-plan.ts";
import { sshPort } from "../../core/leases/ssh-server.ts";
import { transaction } from "../../store/database/transaction.ts";
import type { Transaction } from "../../store/database/database.ts";
import { heldPlacement } from "../../store/workloads/instances/workload-placements.ts";
import { lockEnvironment } from "../../store/environments/environments.ts";
import { servingSsh } from "../../store/hosts/host-features.ts";
import { raiseGeneration } from "../../store/hosts/hosts.ts";
import { closePort, openPort, switchesOf } from "../../store/leases/environment-leases.ts";
import { countClosingPorts, wantedLeases } from "../../store/leases/lease-orders.ts";
import { leaseState } from "../../store/leases/lease-views.ts";
import {
  listPortMappings,
  portMappingById,
  portMappingOfLease,
  type PortMappingRow,
  releaseOldMapping,
} from "../../store/leases/port-mapping-rows.ts";
import type { ApiApp, ApiContext, ApiDeps } from "../deps.ts";
import { orderContextOf } from "../workloads/orders.ts";
import { asItsOwnChange } from "../request/audit.ts";
import { visibleWorkloads } from "../request/authorization.ts";
import { mayBeDone } from "../request/idempotency.ts";
import { numericPage, pageOf, pageQuery, toPage } from "../request/pagination.ts";
import { ApiRefusal, badField, conflict, notFound } from "../request/refusal.ts";
import {
  accepted,
  created,
  forCustomers,
  forCustomersBeyondDatabase,
  iso,
  jsonBody,
  NumericIdPath,
  ok,
  Timestamp,
} from "../request/route.ts";
import { environmentFor } from "./environment-access.ts";
import { LEASE_WAIT_SECONDS, waitForLeases } from "./lease-wait.ts";
import { reportedDetail, storedReason } from "../../store/database/values/reason-columns.ts";
import { DETAIL_FIELDS, namedReason, reasonCode, reasonParams } from "../request/reason-answer.ts";
import { reasonOf, statusPhrase } from "../../core/reasons/plain-reason.ts";
import type { Reason } from "../../core/reasons/reason.ts";

const tags = ["ports"];
/** Ids of the old system may be any text; varchar(64) counts code points. */
const EnvironmentId = text(128).min(1);
const MAX_PORT = 65_535;
/** The wait for the host, and what is asked of the database before and after it. */
const PORT_BOUND_SECONDS = LEASE_WAIT_SECONDS + 20;

const PortMapping = z
  .object({
    id: z.int(),
    env_id: z.string(),
    host_id: z.string().nullable(),
    /** The address to connect to. */
    host: z.string().nullable(),
    service_type: z.string(),
    external_port: z.int().openapi({ description: "The port on its host", example: 20_481 }),
    internal_port: z.int(),
    status: z.string().openapi({ description: "active or released", example: "active" }),
    /** "released": ordered, and the host has not confirmed it yet. Null for one that the old system leased. */
    want: z.enum(["held", "released"]).nullable().openapi({
      description:
        "released: ordered, and the host has not confirmed it yet. Null for one that the old system leased",
    }),
    /** What the host said of it last. */
    state: z.string().nullable().openapi({
      description: "What the host reported of it last",
      example: "held",
    }),
    detail: z.string().nullable().openapi({ description: "The same in a sentence", example: "bound" }),
    ...DETAIL_FIELDS,
    release_reason: z.string().nullable().openapi({ description: "Why it was given back", example: "idle" }),
    release_reason_code: reasonCode("lease-unused"),
    release_reason_params: reasonParams({ service: "custom", hours: 48 }),
    /** Without access for so long it is released. */
    auto_release_hours: z.int().nullable(),
    allocated_at: Timestamp.nullable(),
    last_accessed_at: Timestamp.nullable(),
    /** Told once the release is near. */
    release_due_at: Timestamp.nullable(),
    /** Through it, since it was leased; null where its host does not report it. */
    bytes_in: z.int().nullable(),
    bytes_out: z.int().nullable(),
    released_at: Timestamp.nullable().describe("When it was given back"),
  })
  .openapi("PortMapping");

const PortRequest = z
  .strictObject({
    env_id: EnvironmentId,
    service_type: z.literal("custom").describe("Those of services are taken with each start"),
    internal_port: z.int().min(1).max(MAX_PORT),
  })
  .openapi("PortWish");

const list = createRoute({
  ...forCustomers,
  method: "get",
  path: "/port-mappings",
  tags,
  summary: "The ports of your environments on their hosts, newest first",
  request: {
    query: z.strictObject({
      ...pageQuery,
      env_id: EnvironmentId.optional().openapi({
        description: "Only those of this environment",
        example: "env-5b1f6c0e",
      }),
      status: z.enum(["active", "released"]).optional(),
      service_type: z.enum(LEASE_SERVICES).optional(),
    }),
  },
  responses: ok("A page of ports", pageOf(PortMapping)),
});

const post = createRoute({
  ...forCustomersBeyondDatabase(PORT_BOUND_SECONDS),
  method: "post",
  path: "/port-mappings",
  tags,
  summary: `Open a port of a running environment; waits up to ${LEASE_WAIT_SECONDS} s for its host to bind one`,
  request: { body: jsonBody(PortRequest) },
  responses: created("The port, with the number that the host picked", PortMapping),
});

const remove = createRoute({
  ...forCustomers,
  method: "delete",
  path: "/port-mappings/{id}",
  tags,
  summary: "Close a port; a service's port is taken anew with the next start",
  request: { params: NumericIdPath },
  responses: accepted("It is being released, or is already", PortMapping),
});

export function registerPortMappingRoutes(api: ApiApp, deps: ApiDeps): void {
  const { db } = deps;

  api.openapi(list, async (c) => {
    const query = c.req.valid("query");
    const page = numericPage(query);
    const filter = {
      visibleTo: await visibleWorkloads(c, "port mappings"),
      environmentId: query.env_id ?? null,
      status: query.status ?? null,
      service: query.service_type ?? null,
    };
    const rows = await listPortMappings(db, filter, page);
    return c.json(toPage(rows, page.limit, { item: mappingAnswer, key: (row) => [row.id] }), 200);
  });

  api.openapi(post, async (c) => {
    const { env_id: requested, internal_port: internalPort } = c.req.valid("json");
    const { id: environmentId } = await environmentFor(c, requested, "manage-workload");
    const leaseId = deps.newId("lease");
    const hostId = await transaction(c.var.deps.db, (sql) =>
      orderPort(c, sql, { environmentId, leaseId, internalPort }),
    );
    mayBeDone(c, true);
    deps.link.nudge(hostId);
    await waitForLeases(c.var.deps, [leaseId]);
    const withdrawal = { action: "port.withdraw", target: "port-order", id: leaseId, status: 200 } as const;
    const outcome = await asItsOwnChange(c, withdrawal, (db) =>
      transaction(db, (sql) => boundOrWithdrawn(c, sql, { environmentId, leaseId })),
    );
    mayBeDone(c, outcome.bound);
    if (outcome.bound) return c.json(mappingAnswer(outcome.mapping), 201);
    if (outcome.hostId !== null) deps.link.nudge(outcome.hostId as HostId);
    throw new ApiRefusal("unavailable", outcome.why, { retryAfterSeconds: LEASE_WAIT_SECONDS });
  });

  api.openapi(remove, async (c) => {
    const mapping = await mappingFor(c, c.req.valid("param").id);
    const hostId = await transaction(c.var.deps.db, (sql) => release(c, sql, mapping));
    if (hostId !== null) deps.link.nudge(hostId as HostId);
    return c.json(mappingAnswer((await portMappingById(c.var.deps.db, mapping.id)) ?? mapping), 202);
  });
}

/**
 * Orders it of the host that the environment runs on, which is answered.
 * @throws ApiRefusal where it runs nowhere, or may not have that port
 */
async function orderPort(
  c: ApiContext,
  sql: Transaction,
  { environmentId, leaseId, internalPort }: { environmentId: string; leaseId: string; internalPort: number },
): Promise<HostId> {
  const environment = await lockEnvironment(sql, environmentId);
  if (environment === null)
    throw notFound({ code: "named-environment", params: { workload_id: environmentId } });
  const held = await heldPlacement(sql, { kind: "environment", id: environmentId });
  if (held?.want !== "running")
    throw conflict({ code: "ports-need-host", params: { status: statusPhrase(environment.status) } });
  const wanted = await wantedLeases(sql, environmentId);
  const serving = await servingSsh(sql, [held.host_id]);
  const obstacle = customPortObstacle(internalPort, {
    switches: switchesOf(environment),
    sshPort: sshPort(environment, { servesSsh: serving.has(held.host_id) }),
    opened: wanted.filter(({ service }) => service === "custom").map((lease) => lease.internalPort),
    closing: await countClosingPorts(sql, environmentId),
  });
  if (obstacle !== null)
    throw obstacle.field === null ? conflict(obstacle.reason) : badField(obstacle.field, obstacle.reason);
  // Raising the generation locks the host's row, so that nobody else takes the last room meanwhile.
  const generation = await raiseGeneration(sql, held.host_id);
  const { actor, now } = orderContextOf(c);
  const leasing = { environment, hostId: held.host_id, generation, actor, now, id: leaseId };
  if (!(await openPort(sql, leasing, internalPort)))
    throw new ApiRefusal("unavailable", { code: "host-ports-full", params: { host_name: held.host_name } });
  return held.host_id as HostId;
}

type Outcome =
  | { bound: true; mapping: PortMappingRow }
  | { bound: false; why: Reason; hostId: string | null };

/** What the host has bound by now is the customer's; anything else is taken back, since nobody waits for it any more. */
async function boundOrWithdrawn(
  c: ApiContext,
  sql: Transaction,
  { environmentId, leaseId }: { environmentId: string; leaseId: string },
): Promise<Outcome> {
  await lockEnvironment(sql, environmentId);
  const mapping = await portMappingOfLease(sql, { environmentId, leaseId });
  if (mapping?.status === "active") return { bound: true, mapping };
  const lease = await leaseState(sql, leaseId);
  const { actor } = orderContextOf(c);
  const reason = reasonOf("lease-not-bound-in-time");
  return {
    bound: false,
    hostId: await closePort(sql, { environmentId, leaseId, actor, reason }),
    why: lease?.state === "exhausted" ? noFreePort(reportedDetail(lease.detail)) : NOT_BOUND,
  };
}

const NOT_BOUND: Reason = { code: "port-not-bound", params: { seconds: LEASE_WAIT_SECONDS } };

function noFreePort(why: Reason | null): Reason {
  return why === null ? reasonOf("host-port-missing-unsaid") : { code: "host-port-missing", params: { why } };
}

async function mappingFor(c: ApiContext, id: number): Promise<PortMappingRow> {
  const mapping = await portMappingById(c.var.deps.db, id);
  if (mapping === null) throw notFound({ code: "named-port-mapping", params: { port_mapping_id: id } });
  try {
    await environmentFor(c, mapping.env_id, "manage-workload");
  } catch (error) {
    // A stranger must not learn which environment the port is of.
    if (error instanceof ApiRefusal && error.kind === "not-found")
      throw notFound({ code: "named-port-mapping", params: { port_mapping_id: id } });
    throw error;
  }
  return mapping;
}

/** Answers the host that has to be told. */
async function release(
  c: ApiContext,
  sql: Transaction,
  { id, env_id: environmentId, lease_id: leaseId }: PortMappingRow,
): Promise<string | null> {
  const { actor, now } = orderContextOf(c);
  await lockEnvironment(sql, environmentId);
  const reason: Reason = { code: "lease-closed-by", params: { actor } };
  if (leaseId !== null) return await closePort(sql, { environmentId, leaseId, actor, reason });
  await releaseOldMapping(sql, { id, now });
  return null;
}

function mappingAnswer({
  lease_id: _lease,
  release_reason: stored,
  detail,
  ...row
}: PortMappingRow): z.input<typeof PortMapping> {
  return {
    ...row,
    ...namedReason("detail", reportedDetail(detail)),
    // Empty where its host has nothing to report.
    detail: detail.text,
    ...namedReason("release_reason", storedReason(stored)),
    allocated_at: iso(row.allocated_at),
    last_accessed_at: iso(row.last_accessed_at),
    release_due_at: iso(row.release_due_at),
    released_at: iso(row.released_at),
  };
}
