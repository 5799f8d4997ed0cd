/**
 * A gateway with a real database, on a real access process with a real container that serves HTTP: an environment that runs
 * as far as the control plane knows, since a test speaks for its host, and customers of the real API with keys.
 */
import { createEnvironmentLink } from "@remotegpu/control-plane/client/generated/api";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders } from "node:http";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  originOf,
  webBaseOf,
  webBaseText,
  type WebBase,
} from "@remotegpu/control-plane/server/core/gateway/origin";
import type { WebTarget } from "@remotegpu/control-plane/server/core/environments/web-target";
import { type Gateway, type GatewayDeps, openGateway } from "@remotegpu/control-plane/gateway/gateway";
import { replicaMetrics } from "@remotegpu/control-plane/gateway/load-balancer/replica-metrics";
import { noteOnThisMachine } from "@remotegpu/control-plane/server/store/hosts/host-addresses";
import { openTunnels } from "@remotegpu/control-plane/gateway/tunnel/open-tunnels";
import { AccessAuthority } from "@remotegpu/control-plane/server/link/identity/access-authority";
import type { Operator } from "@remotegpu/control-plane/server/link/servers/operator";
import { keepGateway } from "@remotegpu/control-plane/server/store/gateway/gateways";
import { openHostKey } from "@remotegpu/agent/link/nkey";
import type { HostId, InstanceId, WorkloadId } from "@remotegpu/shared/values/ids";
import type { ReachableInstance } from "@remotegpu/agent/access/control/control-messages";
import { AccessUnderTest, ContainerUnderTest } from "../agent/access.ts";
import { openTestOperator } from "../engines/operator-keys.ts";
import { type FreshDatabase, freshDatabase } from "../engines/postgres.ts";
import { eventually } from "../eventually.ts";
import type { Caller } from "../http/api.ts";
import { quietLog } from "../quiet-log.ts";
import { type ControlScene, openControlScene, type ScriptedHost } from "./control-scene.ts";
import { freePort } from "../engines/free-ports.ts";

/** Serves whatever a test needs of a web service (fixtures/web-service.ts). */
export const SERVICE_PORT = 8000;
export const SERVICE = new URL("../../fixtures/web-service.ts", import.meta.url).pathname;
const HOST = "host-1";

export interface WebScene {
  control: ControlScene;
  /** postgres:// of the database, as its owner. */
  databaseUrl: string;
  operator: Operator;
  base: WebBase;
  host: ScriptedHost;
  access: AccessUnderTest;
  container: ContainerUnderTest;
  /** Who ordered the environment. */
  owner: Caller & { workspaceId: number };
  environment: { id: string; hostId: HostId; instanceId: InstanceId };
  gateway: Gateway;
  /** One more gateway on the same database; the caller closes it. */
  anotherGateway(change?: Partial<GatewayDeps>): Promise<Gateway>;
  /** The access process is to look at these in the container, as the agent says it. */
  watches(services: ReachableInstance["services"]): Promise<void>;
  /** The access process leads to these instances of another workload as well. */
  leadsTo(workloadId: string, instances: readonly ReachableInstance[]): Promise<void>;
  /** Orders another one, which runs in no container. */
  order(caller: Caller, change?: object): Promise<string>;
  /** The host part of an origin, with its port. */
  hostOf(target: WebTarget, environmentId?: string): string;
  /** Asks a gateway as a client with that Host does; without `gateway`, the scene's. */
  request(host: string, path: string, options?: WebRequest): Promise<WebAnswer>;
  /** The answer as soon as its head is there. */
  open(host: string, path: string, options?: WebRequest): Promise<IncomingMessage>;
  /** Comes in by a link; answers the Cookie header to send from then on. */
  enter(caller: Caller, target: WebTarget, environmentId?: string): Promise<string>;
  /** A raw connection, with these bytes sent. */
  raw(text: string, gateway?: Gateway): Promise<Socket>;
  close(): Promise<void>;
}

export interface WebRequest {
  method?: string;
  headers?: OutgoingHttpHeaders;
  body?: string | Buffer;
  key?: string;
  cookie?: string;
  gateway?: Gateway;
}

export interface WebAnswer {
  status: number;
  headers: IncomingMessage["headers"];
  text: string;
  // Tests look into answers freely; a wrong look is a failed assertion.
  // oxlint-disable-next-line typescript/no-explicit-any
  body: any;
}

/**
 * @param database outside of a test, where none is given by the suite
 * @param ofAccess settings of the access process
 */
export async function openWebScene(
  change: Partial<GatewayDeps> = {},
  database?: FreshDatabase,
  ofAccess: Record<string, string> = {},
): Promise<WebScene> {
  const ending = new AsyncDisposableStack();
  try {
    return await opened(ending, { change, given: database, ofAccess });
  } catch (error) {
    await ending.disposeAsync();
    throw error;
  }
}

async function opened(
  ending: AsyncDisposableStack,
  {
    change,
    given,
    ofAccess,
  }: {
    change: Partial<GatewayDeps>;
    given: FreshDatabase | undefined;
    ofAccess: Record<string, string>;
  },
): Promise<WebScene> {
  const folder = mkdtempSync(join(tmpdir(), "remotegpu-web-"));
  ending.defer(() => rmSync(folder, { recursive: true, force: true }));
  const operator = await openTestOperator(join(folder, "operator.json"));
  const database = given ?? (await freshDatabase());
  const control = ending.adopt(await openControlScene(database), (one) => one.close());
  const access = ending.adopt(await AccessUnderTest.begin(ofAccess), (one) => one.end());
  const container = ending.adopt(await ContainerUnderTest.begin("env-web"), (one) => one.end());
  await container.serveFixture(SERVICE, SERVICE_PORT);

  const host = await control.host(HOST, { ssh: true });
  const owner = await control.customer(`owner-${randomBytes(3).toString("hex")}`);
  const order = async (caller: Caller, options: object = {}) => {
    const ordered = await control.order(caller, options);
    if (ordered.status !== 201) throw new Error(`not ordered: ${JSON.stringify(ordered.body)}`);
    await control.schedule();
    await host.round();
    return String(ordered.body.id);
  };
  const id = await order(owner);
  const [instance] = await host.pull();
  if (instance === undefined) throw new Error("the environment was not placed");

  const authority = await AccessAuthority.of(operator);
  const key = openHostKey(`${access.folder}/host.nk`);
  const identity = {
    key: key.accessKeyPem,
    ...(await authority.certifyHost(host.id, key.accessClaim.key, new Date())),
  };
  const reachable = {
    ...container.instance,
    workloadId: id as WorkloadId,
    instanceId: instance.instanceId,
    runId: instance.runId,
  };
  const others = new Map<string, readonly ReachableInstance[]>();
  let services: ReachableInstance["services"] = [];
  const print = async () =>
    void (await access.print({
      instances: [{ ...reachable, services }, ...[...others.values()].flat()],
      gateway: identity,
    }));
  const watches = async (wanted: ReachableInstance["services"]) => {
    services = wanted;
    await print();
  };
  const leadsTo = async (workloadId: string, instances: readonly ReachableInstance[]) => {
    others.set(workloadId, instances);
    await print();
  };
  await watches([]);
  host.machine.ipAddress = "127.0.0.1";
  await noteOnThisMachine(control.api.db, host.id);
  host.machine.gatewayPort = await eventually(() => access.messages?.gatewayPort ?? undefined, {
    what: "its port",
  });
  await host.round();

  // The name of an origin has the port in it, so that it must be known before.
  const port = await freePort();
  const base = webBaseOf(`localhost:${port}`, { hasCertificate: false });
  if (base === null) throw new Error("this is no domain");
  const { db, now } = control.api.deps;
  const tunnels = await openTunnels({
    db,
    now,
    log: quietLog,
    listen: null,
    nudge: () => undefined,
    certify: (at) => authority.gateway(at),
  });
  ending.defer(() => tunnels.close());
  control.api.deps.replicaMetrics = replicaMetrics(() => tunnels);
  const anotherGateway = async (other: Partial<GatewayDeps> = {}) =>
    await openGateway({
      db,
      now,
      log: quietLog,
      operatorSeed: operator.key.getSeed(),
      jupyterTokens: control.api.deps.jupyterTokens,
      tunnels,
      base,
      listen: { address: "127.0.0.1", port: 0, certificate: null },
      stopWithinMs: 5_000,
      ...other,
    });
  const gateway = ending.adopt(
    await anotherGateway({
      id: "gw-scene",
      listen: { address: "127.0.0.1", port, certificate: null },
      ...change,
    }),
    (one) => one.close(),
  );
  await keepGateway(db, {
    id: "gw-scene",
    name: "scene",
    tunnel: null,
    webBase: webBaseText(base),
    serviceBase: webBaseText(base),
    serviceDomain: null,
    now: now(),
  });

  const hostOf = (target: WebTarget, environmentId = id) =>
    new URL(originOf(base, environmentId, target)).host;
  const open = async (requested: string, path: string, options: WebRequest = {}) =>
    await openAnswer((options.gateway ?? gateway).port, { host: requested, path, ...options });
  const request = async (requested: string, path: string, options: WebRequest = {}) =>
    await whole(await open(requested, path, options));
  const enter = async (caller: Caller, target: WebTarget, environmentId = id) => {
    const what = typeof target === "number" ? { port: target } : { service: target };
    const link = await control.api.send(createEnvironmentLink(environmentId, what), caller);
    const url = new URL(link.url);
    const entered = await request(url.host, `${url.pathname}${url.search}`);
    const [cookie = ""] = entered.headers["set-cookie"] ?? [];
    return cookie.split(";")[0] ?? "";
  };
  return {
    control,
    databaseUrl: database.url,
    operator,
    base,
    host,
    access,
    container,
    owner,
    environment: { id, hostId: host.id, instanceId: instance.instanceId },
    gateway,
    anotherGateway,
    watches,
    leadsTo,
    order,
    hostOf,
    request,
    open,
    enter,
    raw: async (text, to = gateway) => await rawConnection(to.port, text),
    close: async () => await ending.disposeAsync(),
  };
}

async function openAnswer(
  port: number,
  {
    host,
    path,
    method = "GET",
    headers = {},
    body,
    key,
    cookie,
  }: WebRequest & { host: string; path: string },
): Promise<IncomingMessage> {
  return await new Promise((resolve, reject) => {
    const request = httpRequest({
      host: "127.0.0.1",
      port,
      path,
      method,
      agent: false,
      headers: {
        Host: host,
        ...(key !== undefined && { Authorization: `Bearer ${key}` }),
        ...(cookie !== undefined && { Cookie: cookie }),
        ...headers,
      },
    });
    request.on("error", reject);
    request.on("response", resolve);
    request.end(body);
  });
}

async function whole(answer: IncomingMessage): Promise<WebAnswer> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  const isJson = answer.headers["content-type"]?.includes("json") ?? false;
  return {
    status: answer.statusCode ?? 0,
    headers: answer.headers,
    text,
    body: isJson && text !== "" ? JSON.parse(text) : text,
  };
}

async function rawConnection(port: number, text: string): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  socket.on("error", () => undefined);
  await new Promise<void>((resolve) => socket.once("connect", () => resolve()));
  socket.write(text);
  return socket;
}
