/** A customer opens a port of an environment and goes through it: over the API to the host, and into the container. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { serveIn } from "../support/agent/access.ts";
import { BUSYBOX_IMAGE } from "../support/samples/desired-instance.ts";
import { eventually } from "../support/eventually.ts";
import { House, type HostProcess } from "../support/worlds/house.ts";

let house: House;
let host: HostProcess;
let environmentId: string;
let mapping: { id: string; port: number };

/** Ended from the last to the first, each although another fails. */
const ending = new AsyncDisposableStack();
beforeAll(async () => {
  house = ending.adopt(await House.open({ hosts: 1 }), (one) => one.close());
  [host] = house.hosts as [HostProcess];
  const order = { name: "served", image: BUSYBOX_IMAGE, cpu: 1, memory: 128 * 2 ** 20, gpu: 1 };
  environmentId = String((await house.customer.post("/environments", order)).id);
  await house.environment(environmentId, "running");
  const [container] = await house.containersOf(host.id);
  const service = await serveIn({ pid: container?.pid ?? 0, port: 7000 });
  ending.defer(() => void service.kill("SIGKILL"));
});
afterAll(() => ending.disposeAsync());

async function enter(): Promise<Socket> {
  const socket = connect({ port: mapping.port, host: "127.0.0.1", allowHalfOpen: true });
  await once(socket, "connect");
  return socket;
}

/** The port that was asked for here; others come with the environment. */
function requestedFor(): Record<string, string> {
  return { env_id: environmentId, service_type: "custom" };
}

/** What the service counted, once the client's side has ended. */
async function counted(socket: Socket): Promise<{ bytes: number }> {
  let text = "";
  for await (const chunk of socket) text += String(chunk);
  return JSON.parse(text.split("\n").at(-2) ?? "") as { bytes: number };
}

test("a port that is requested is answered with the number under which the service is reached", async () => {
  const request = { env_id: environmentId, service_type: "custom", internal_port: 7000 };
  const made = await house.customer.post("/port-mappings", request);
  mapping = { id: String(made.id), port: Number(made.external_port) };

  const socket = await enter();
  socket.end("hi");

  expect(made).toMatchObject({ state: "held", host_id: host.id, internal_port: 7000 });
  expect(await counted(socket)).toMatchObject({ bytes: 2 });
});

test("an agent that is killed and comes back cuts no connection, and the customer gets the same number", async () => {
  const socket = await enter();
  socket.write("one ");

  await host.agent.kill();
  socket.write("two ");
  host.agent.start();
  await house.isOnline(host.id);
  socket.end("three");

  expect(await counted(socket)).toMatchObject({ bytes: "one two three".length });
  expect(await house.customer.rows("/port-mappings", requestedFor())).toMatchObject([
    { id: Number(mapping.id), external_port: mapping.port, state: "held" },
  ]);
});

test("a port that is given back is closed", async () => {
  await house.customer.delete(`/port-mappings/${mapping.id}`);

  await eventually(
    async () => {
      const socket = connect({ port: mapping.port, host: "127.0.0.1" });
      const [error] = (await Promise.race([
        once(socket, "connect").then(() => []),
        new Promise((resolve) => socket.once("error", (refused) => resolve([refused]))),
      ])) as unknown[];
      socket.destroy();
      return error !== undefined;
    },
    { what: "a closed port" },
  );
  const [released] = await eventually(
    async () => {
      const rows = await house.customer.rows("/port-mappings", requestedFor());
      return rows[0]?.status === "released" && rows;
    },
    { what: "its release" },
  );
  expect(released).toMatchObject({ external_port: mapping.port, state: "released" });
});
