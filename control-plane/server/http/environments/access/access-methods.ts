/** The ways into an environment: where each of its services is reached, and taking released ports anew. */
import { createRoute, z } from "@hono/zod-openapi";
import type { HostId } from "@remotegpu/shared/values/ids";
import { LEASE_SERVICES } from "@remotegpu/shared/instance/lease";
import { ENVIRONMENT_STATUSES } from "@remotegpu/shared/values/workload";
import { accessMethods } from "../../../core/environments/access-methods.ts";
import { withGateway } from "../../../core/environments/web-access.ts";
import { originOf, webBaseText } from "../../../core/gateway/origin.ts";
import { isImagesOwnSsh } from "../../../core/leases/ssh-server.ts";
import { transaction } from "../../../store/database/transaction.ts";
import type { Transaction } from "../../../store/database/database.ts";
import {
  heldPlacement,
  imageBrings,
  serviceAnswers,
} from "../../../store/workloads/instances/workload-placements.ts";
import { type EnvironmentRow, lockEnvironment } from "../../../store/environments/environments.ts";
import { jupyterTokenOf } from "../../../store/environments/jupyter-tokens.ts";
import { rdpPasswordSetAt } from "../../../store/environments/rdp-passwords.ts";
import { sshPasswordSetAt } from "../../../store/environments/ssh-passwords.ts";
import { allowsPlainHttp, switchesOf } from "../../../store/leases/environment-leases.ts";
import { type LeaseView, newestLeases } from "../../../store/leases/lease-views.ts";
import { type LeaseChange, leaseForStart } from "../../../store/leases/start-leases.ts";
import type { ApiApp, ApiContext, ApiDeps } from "../../deps.ts";
import { orderContextOf } from "../../workloads/orders.ts";
import { opensOrders } from "../../request/authentication.ts";
import { mayEnter } from "../../request/authorization.ts";
import { ApiRefusal, conflict, notFound } from "../../request/refusal.ts";
import {
  forCustomers,
  forCustomersBeyondDatabase,
  iso,
  ok,
  Timestamp,
  WorkloadIdPath,
} from "../../request/route.ts";
import { reportedDetail, storedReason } from "../../../store/database/values/reason-columns.ts";
import { REASON_FIELDS, reasonAnswer } from "../../request/reason-answer.ts";
import { environmentFor } from "../environment-access.ts";
import { LEASE_WAIT_SECONDS, waitForLeases } from "../lease-wait.ts";
import { webBase } from "../web/web-origin.ts";
import { statusPhrase } from "../../../core/reasons/plain-reason.ts";

const tags = ["environments"];
const params = WorkloadIdPath;

const Access = z
  .object({
    environment_id: z.string().openapi({ description: "The environment", example: "env-5b1f6c0e" }),
    status: z.enum(ENVIRONMENT_STATUSES),
    services: z
      .array(
        z.object({
          service: z.enum([...LEASE_SERVICES, "terminal"]).describe("Which"),
          internal_port: z.int(),
          /** What the host reported of its port last; none where there is no port. */
          state: z.enum(["waiting", "held", "conflict", "exhausted", "released", "none"]).openapi({
            description: "What the host reported of its port last; none where there is no port",
          }),
          reachable: z.boolean().describe("Whether it can be used now"),
          host: z.string().nullable(),
          port: z.int().nullable().openapi({ description: "The port to connect to", example: 20_481 }),
          command: z.string().nullable().openapi({
            description: "A command that gets in",
            example: "ssh -p 20481 root@203.0.113.7",
          }),
          url: z.string().nullable().openapi({
            description:
              "Its address for the browser, which remotegpu open makes a link to; through the gateway, or a port of its host",
            example: "https://jupyter-env-5b1f6c0e.web.example.com",
          }),
          token: z.string().nullable().openapi({
            description:
              "The token of JupyterLab, another one with each start; null for other services, and for who may not manage the environment",
            example: "d1f0",
          }),
          host_key_fingerprint: z.string().nullable().openapi({
            description:
              "By which clients know its SSH server, the same for the environment's life; null for other services",
            example: "SHA256:BXqIqHPVvLcKQl7KSnAj4l/lDur77wx4MpXbgTdlT50",
          }),
          known_hosts: z.string().nullable().openapi({
            description:
              "The same as a line of a known_hosts file; null without a port and for other services",
            example:
              "[203.0.113.7]:20481 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJoZCWxF1zTnH1wqbWFL1RrEYJ9Br+Upyrxx40Fo5MGc",
          }),
          password_set_at: Timestamp.nullable().openapi({
            description:
              "Since when a generated password opens it, of RDP this run of it; null: of SSH keys alone do, of RDP nothing",
          }),
          /** The WebSocket by which the gateway leads to SSH and RDP; null where there is none. */
          gateway_url: z.string().nullable().openapi({
            description:
              "Of SSH and RDP: the WebSocket by which a gateway leads there, with a key as bearer; its binary messages are the connection's bytes",
            example: "wss://web.example.com/ssh/env-0123456789abcdef0123",
          }),
          /** Why it is not reachable, or of SSH that passwords are refused for now; null where all may come in. */
          reason: z.string().nullable().openapi({
            description:
              "Why it is not reachable, or of SSH that its password is refused to new addresses, until when; null where all may come in",
            example: "The environment is stopped.",
          }),
          ...REASON_FIELDS,
          last_accessed_at: Timestamp.nullable(),
          /** Told once the release is near. */
          release_due_at: Timestamp.nullable(),
          /** Through its port, in its whole life; null where there is none, or its host does not tell. */
          bytes_in: z.int().nullable(),
          bytes_out: z.int().nullable(),
        }),
      )
      .describe("Each service that is switched on"),
  })
  .openapi("Access");

const get = createRoute({
  ...forCustomers,
  method: "get",
  path: "/environments/{id}/access",
  tags,
  summary: "How to get in: for each service that is switched on where it is reached, or why it is not",
  request: { params },
  responses: ok("The ways in", Access),
});

/** The wait for the host, and what is asked of the database before and after it. */
const RENEWAL_BOUND_SECONDS = LEASE_WAIT_SECONDS + 20;

const post = createRoute({
  ...forCustomersBeyondDatabase(RENEWAL_BOUND_SECONDS),
  method: "post",
  path: "/environments/{id}/access",
  operationId: "renewEnvironmentAccess",
  tags,
  summary: "Take ports of services anew that were released; waits a moment for the host",
  request: { params },
  responses: ok("The ways in", Access),
});

export function registerAccessRoutes(api: ApiApp, deps: ApiDeps): void {
  api.openapi(get, async (c) => {
    const environment = await environmentFor(c, c.req.valid("param").id, "read-workload");
    return c.json(await accessOf(c, environment), 200);
  });

  api.openapi(post, async (c) => {
    const { id } = await environmentFor(c, c.req.valid("param").id, "manage-workload");
    const { hostIds, taken } = await transaction(c.var.deps.db, (sql) => renew(c, sql, id));
    for (const hostId of hostIds) deps.link.nudge(hostId as HostId);
    await waitForLeases(c.var.deps, taken);
    return c.json(await accessOf(c, await environmentFor(c, id, "read-workload")), 200);
  });
}

/** @throws ApiRefusal where the environment runs nowhere (its next start takes the ports), or its host is full */
async function renew(c: ApiContext, sql: Transaction, id: string): Promise<LeaseChange> {
  const environment = await lockEnvironment(sql, id);
  if (environment === null) throw notFound({ code: "named-environment", params: { workload_id: id } });
  const held = await heldPlacement(sql, { kind: "environment", id });
  if (held?.want !== "running")
    throw conflict({ code: "environment-not-on-host", params: { status: statusPhrase(environment.status) } });
  const { actor, now } = orderContextOf(c);
  const change = await leaseForStart(sql, {
    environment,
    hostId: held.host_id,
    generation: null,
    newId: c.var.deps.newId,
    actor,
    now,
  });
  // Taken back whole: a host that is full must not be told of it again and again.
  if (change.refused > 0 && change.taken.length === 0)
    throw new ApiRefusal("unavailable", { code: "host-ports-full", params: { host_name: held.host_name } });
  return change;
}

async function accessOf(c: ApiContext, environment: EnvironmentRow): Promise<z.input<typeof Access>> {
  const { db, hostKeys, jupyterTokens, now } = c.var.deps;
  const leases = await newestLeases(db, environment.id);
  const passwordSetAt = await sshPasswordSetAt(db, environment.id);
  const rdpPasswordAt = await rdpPasswordSetAt(db, environment.id);
  // Who only reads is told of the way, and gets no key to it.
  const enters = opensOrders(c) && (await mayEnter(c, environment));
  const token = enters ? await jupyterTokenOf(db, jupyterTokens, environment.id) : null;
  const brings = await imageBrings(db, { kind: "environment", id: environment.id });
  const base = await webBase(db, now());
  const ports = accessMethods({
    hasGateway: base !== null,
    status: environment.status,
    switches: switchesOf(environment),
    allowsPlainHttp: await allowsPlainHttp(db),
    leases: leases.map(leaseNow),
    hostKey: isImagesOwnSsh(environment) ? null : hostKeys.publicOf(environment.id),
    hasSshPassword: passwordSetAt !== null,
    brings,
  });
  const methods = withGateway(
    ports,
    {
      name: environment.name,
      status: environment.status,
      statusReason: storedReason({
        text: environment.status_reason,
        code: environment.status_reason_code,
        params: environment.status_reason_params,
      }),
      switches: { ...switchesOf(environment), terminal: environment.web_terminal_enabled },
      brings,
      services: await serviceAnswers(db, { kind: "environment", id: environment.id }),
    },
    base === null ? null : (service) => originOf(base, environment.id, service),
  );
  return {
    environment_id: environment.id,
    status: environment.status,
    services: methods.map((all) => {
      const {
        internalPort,
        isReachable,
        hostKeyFingerprint,
        knownHosts,
        leadsThroughGateway,
        ...accessMethod
      } = all;
      const lease = leases.find(
        (one) => one.service_type === accessMethod.service && one.internal_port === internalPort,
      );
      return {
        ...accessMethod,
        ...reasonAnswer(accessMethod.reason),
        internal_port: internalPort,
        reachable: isReachable,
        gateway_url:
          leadsThroughGateway && base !== null
            ? `${webBaseText(base).replace(/^http/, "ws")}/${accessMethod.service}/${environment.id}`
            : null,
        token: accessMethod.service === "jupyter" ? token : null,
        host_key_fingerprint: hostKeyFingerprint,
        known_hosts: knownHosts,
        // Of SSH where our server answers, which knows it.
        password_set_at:
          accessMethod.service === "rdp"
            ? iso(rdpPasswordAt)
            : hostKeyFingerprint === null
              ? null
              : iso(passwordSetAt),
        last_accessed_at: iso(lease?.last_accessed_at ?? null),
        release_due_at: iso(lease?.release_due_at ?? null),
        bytes_in: lease?.bytes_in ?? null,
        bytes_out: lease?.bytes_out ?? null,
      };
    }),
  };
}

function leaseNow(lease: LeaseView) {
  return {
    service: lease.service_type,
    internalPort: lease.internal_port,
    want: lease.want,
    state: lease.state,
    externalPort: lease.external_port,
    detail: reportedDetail(lease.detail),
    releaseReason: storedReason(lease.release_reason),
    autoReleaseHours: lease.auto_release_hours,
    hostName: lease.host_name,
    hostAddress: lease.host_address,
    isHostShut: lease.host_is_shut,
    isHostHeard: lease.host_connection === "connected",
    servesSsh: lease.serves_ssh,
    servesRdp: lease.serves_rdp,
    answers:
      lease.answers_seen === null
        ? null
        : { isSeen: lease.answers_seen, detail: reportedDetail(lease.answers_detail) },
  };
}
