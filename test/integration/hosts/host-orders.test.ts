/** Nudges and commands on their way to a host, and what comes back through outages of NATS. */
import { afterEach, beforeEach, expect, test } from "vitest";
import type { NatsConnection } from "nats";
import { HostOrders, HostUnreachableError } from "@remotegpu/control-plane/server/link/hosts/host-orders";
import { serveHosts, refusal } from "@remotegpu/control-plane/server/link/hosts/host-requests";
import { LinkDownError } from "@remotegpu/agent/link/connection";
import { orderSubscriptions, type OrderHandlers } from "@remotegpu/agent/link/order-server";
import { InstanceId } from "@remotegpu/shared/values/ids";
import { MAX_EXEC_BYTES } from "@remotegpu/shared/messages/exec-limits";
import type { ExecReply, ExecRequest } from "@remotegpu/shared/messages/protocol";
import { down } from "@remotegpu/shared/messages/subjects";
import { currentTrace, inTrace, newTrace } from "@remotegpu/shared/tracing/current-trace";
import { eventually } from "../../support/eventually.ts";
import { startHostSide, type HostSide } from "../../support/agent/host-side.ts";
import { memoryLog } from "../../support/memory-log.ts";
import { startTestNats, type TestNats } from "../../support/engines/nats.ts";
import { aHeartbeat, aHeartbeatReply, aHost } from "../../support/samples/protocol-samples.ts";

let nats: TestNats;
let controlPlane: NatsConnection;
let orders: HostOrders;
const hosts: HostSide[] = [];

beforeEach(async () => {
  nats = await startTestNats();
  controlPlane = await nats.connectControlPlane();
  orders = new HostOrders(controlPlane);
});

afterEach(async () => {
  try {
    await Promise.all(hosts.splice(0).map((host) => host.connection.close()));
  } finally {
    await nats.close();
  }
});

async function startHost(id: string, handlers: Partial<OrderHandlers> = {}): Promise<HostSide> {
  const credential = await nats.hostCredential(id);
  const subscriptions = orderSubscriptions(
    credential.hostId,
    { onNudge: () => undefined, exec: () => Promise.reject(new Error("not expected")), ...handlers },
    memoryLog(),
  );
  const host = await startHostSide(credential, subscriptions);
  hosts.push(host);
  return host;
}

const aCommand = (over: Partial<ExecRequest> = {}): ExecRequest => ({
  kind: "exec",
  instanceId: InstanceId.parse("env-1"),
  argv: ["echo", "hello\nworld"],
  stdin: null,
  timeoutSeconds: 5,
  ...over,
});

const DONE: ExecReply = { kind: "exec-reply", exitCode: 0, stdout: "aGk=", stderr: "", truncated: false };

test("a command reaches exactly its host and its answer comes back", async () => {
  const seen: string[] = [];
  const exec = (id: string) => (request: ExecRequest) => {
    seen.push(`${id} ${request.argv.join(" ")}`);
    return Promise.resolve(DONE);
  };
  const one = await startHost("one", { exec: exec("one") });
  await startHost("two", { exec: exec("two") });

  expect(await orders.exec(one.hostId, aCommand())).toEqual(DONE);

  expect(seen).toEqual(["one echo hello\nworld"]);
});

test("host and control plane handle each other's messages in the sender's trace", async () => {
  const seen: string[] = [];
  const note = (what: string) => seen.push(`${what} ${currentTrace()?.traceId}`);
  const exec = () => {
    note("exec");
    return Promise.resolve(DONE);
  };
  const host = await startHost("one", { exec, onNudge: () => void note("nudge") });
  const heartbeat = () => {
    note("heartbeat");
    return Promise.resolve(aHeartbeatReply());
  };
  const desiredSet = () => Promise.resolve(refusal("not here"));
  await serveHosts(
    controlPlane,
    { heartbeat, desiredSet, observed: () => Promise.resolve(undefined) },
    memoryLog(),
  );
  const [request, beat] = [newTrace(), newTrace()];

  await inTrace(request, async () => {
    orders.nudge(host.hostId);
    await orders.exec(host.hostId, aCommand());
  });
  await inTrace(beat, () => host.client.heartbeat(aHeartbeat()));

  expect(seen).toEqual([`nudge ${request.traceId}`, `exec ${request.traceId}`, `heartbeat ${beat.traceId}`]);
});

test("a message without the header, as earlier releases send it, is handled in a trace of its own", async () => {
  const seen: unknown[] = [];
  const host = await startHost("one", { onNudge: () => void seen.push(currentTrace()?.traceId) });

  controlPlane.publish(down(host.hostId, "nudge"));
  await eventually(() => seen.length === 1);

  expect(seen).toEqual([expect.stringMatching(/^(?!0{32})[0-9a-f]{32}$/)]);
});

test("the largest output fits through", async () => {
  const stdout = Buffer.alloc(MAX_EXEC_BYTES, "x").toString("base64");
  const host = await startHost("one", { exec: () => Promise.resolve({ ...DONE, stdout }) });

  expect(await orders.exec(host.hostId, aCommand())).toEqual({ ...DONE, stdout });
});

test("a command too large to send is refused here", async () => {
  const host = await startHost("one");

  expect(
    await orders.exec(host.hostId, aCommand({ argv: Array.from({ length: 20 }, () => "x".repeat(64_000)) })),
  ).toMatchObject({ kind: "exec-refused", reason: "bad-request" });
});

test("a command that the host fails to run is an answer", async () => {
  const host = await startHost("one");

  expect(await orders.exec(host.hostId, aCommand())).toMatchObject({
    kind: "exec-refused",
    reason: "runtime-error",
  });
});

test("a ninth command at once is answered that the host is busy", async () => {
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  let running = 0;
  const host = await startHost("one", {
    exec: async () => {
      running += 1;
      await held;
      return DONE;
    },
  });
  const eight = Array.from({ length: 8 }, () => orders.exec(host.hostId, aCommand()));
  await eventually(() => running === 8);

  expect(await orders.exec(host.hostId, aCommand())).toMatchObject({ kind: "exec-refused", reason: "busy" });

  release();
  expect(await Promise.all(eight)).toEqual(Array.from({ length: 8 }, () => DONE));
});

test("a command that is given up is ended on its host, and no other", async () => {
  const signals: AbortSignal[] = [];
  const givenUp = { kind: "exec-refused", reason: "given-up", detail: "ended" } as const;
  const host = await startHost("one", {
    exec: async (_request, signal) => {
      signals.push(signal);
      await eventually(() => signal.aborted);
      return givenUp;
    },
  });
  const leaving = [new AbortController(), new AbortController()];
  const [one, other] = leaving.map(({ signal }) => orders.exec(host.hostId, aCommand(), signal));
  await eventually(() => signals.length === 2);

  leaving[0]?.abort();

  expect(await one).toEqual(givenUp);
  expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
  leaving[1]?.abort();
  expect(await other).toEqual(givenUp);
  expect(await orders.exec(host.hostId, aCommand(), leaving[0]?.signal)).toMatchObject({
    reason: "given-up",
  });
  expect(signals).toHaveLength(2);
});

test("a host that is not there is reported at once", async () => {
  await expect(orders.exec(aHost("nobody"), aCommand())).rejects.toThrow(HostUnreachableError);
});

test("a nudge wakes its host, and a flood of them wakes it seldom", async () => {
  let wakes = 0;
  const host = await startHost("one", { onNudge: () => (wakes += 1) });

  orders.nudge(host.hostId);
  await eventually(() => wakes === 1);
  for (let nudge = 0; nudge < 1_000; nudge += 1) orders.nudge(host.hostId);

  await eventually(() => wakes === 2, { what: "one more wake for the flood" });
  await controlPlane.flush();
  expect(wakes).toBeLessThanOrEqual(3);
});

test("everything works again after NATS was away, with its store wiped, and requests meanwhile fail at once", async () => {
  let wakes = 0;
  const host = await startHost("one", { onNudge: () => (wakes += 1), exec: () => Promise.resolve(DONE) });
  await serveHosts(
    controlPlane,
    {
      heartbeat: () => Promise.resolve(aHeartbeatReply()),
      desiredSet: () => Promise.resolve(refusal("none")),
      observed: () => Promise.resolve(undefined),
    },
    memoryLog(),
  );
  await host.client.heartbeat(aHeartbeat());

  await nats.stop();
  await eventually(() => !host.connection.isConnected && !orders.isConnected, { what: "the loss" });
  const requestedMs = performance.now();
  await expect(host.client.heartbeat(aHeartbeat())).rejects.toThrow(LinkDownError);
  await expect(orders.exec(host.hostId, aCommand())).rejects.toThrow("not connected to NATS");
  expect(performance.now() - requestedMs).toBeLessThan(1_000);

  await nats.start({ wipe: true });

  await eventually(async () => (await host.client.heartbeat(aHeartbeat())).reply.term === 1, {
    withinMs: 60_000,
    what: "a heartbeat",
  });
  await eventually(() => {
    orders.nudge(host.hostId);
    return wakes > 0;
  });
  await eventually(async () => (await orders.exec(host.hostId, aCommand())).kind === "exec-reply");
});
