/** Whether somebody answers behind a lease: the access process looks into real network namespaces and control groups. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { AccessUnderTest, ContainerUnderTest, serveIn } from "../../support/agent/access.ts";
import { docker } from "../../support/containers/docker.ts";
import { eventually } from "../../support/eventually.ts";
import { wantedLease } from "../../support/samples/lease-samples.ts";

let access: AccessUnderTest;
let container: ContainerUnderTest;
const LEASES = [
  wantedLease("custom"),
  wantedLease("away", { internalPort: 7003, workloadId: "env-2" }),
  wantedLease("server", { service: "ssh", internalPort: 2022 }),
  wantedLease("mute", { service: "ssh", internalPort: 7001 }),
  wantedLease("flood", { service: "ssh", internalPort: 7002 }),
];
/** Ended from the last to the first, each although another fails. */
const ending = new AsyncDisposableStack();
beforeAll(async () => {
  access = ending.adopt(await AccessUnderTest.begin(), (one) => one.end());
  container = ending.adopt(await ContainerUnderTest.begin(), (one) => one.end());
  await access.print({ leases: LEASES, instances: [container.instance] });
});
afterAll(() => ending.disposeAsync());

const answersOf = (leaseId: string) =>
  access.messages?.leases.find((lease) => lease.leaseId === leaseId)?.answers;

/** Waits until it is told so. @returns the sentence of it */
async function reported(leaseId: string, isSeen: boolean): Promise<string> {
  const { detail } = await eventually(
    () => (answersOf(leaseId)?.isSeen === isSeen ? answersOf(leaseId) : undefined),
    { what: `an answer behind ${leaseId}: ${isSeen}` },
  );
  return detail;
}

test("nobody answers until somebody listens, who is seen and not connected to", async () => {
  expect(await reported("custom", false)).toBe("Nobody listens on port 7000 in the container.");
  const heard: string[] = [];
  const service = await serveIn({ pid: container.instance.pid, port: 7000 }, (line) => heard.push(line));
  ending.defer(() => void service.kill("SIGKILL"));

  expect(await reported("custom", true)).toBe("");
  expect(heard).toEqual(["listening"]);
  expect(await access.reported("custom", { state: "held" })).toMatchObject({ lastAccessedAt: null });
});

test("services that no lease leads to are probed as well, until they are no container's any more", async () => {
  const services = [
    { name: "jupyter", service: "jupyter", internalPort: 7010 } as const,
    { name: "terminal", service: "ssh", internalPort: 7011 } as const,
  ];
  const seen = (name: string) => access.messages?.services.find((one) => one.name === name);
  await access.print({ leases: LEASES, instances: [{ ...container.instance, services }] });
  await eventually(() => seen("jupyter")?.isSeen === false && seen("terminal")?.isSeen === false, {
    what: "that nobody is there",
  });
  expect(seen("jupyter")).toMatchObject({
    runId: container.instance.runId,
    detail: "Nobody listens on port 7010 in the container.",
    reason: { code: "service-port-closed", params: { port: 7010 } },
  });

  const listener = await serveIn({ pid: container.instance.pid, port: 7010 }, () => undefined);
  ending.defer(() => void listener.kill("SIGKILL"));
  await eventually(() => seen("jupyter")?.isSeen, { what: "that somebody is there" });
  expect(seen("terminal")?.isSeen).toBe(false);

  await access.print({ leases: LEASES, instances: [container.instance] });
  await eventually(() => access.messages?.services.length === 0, { what: "that nothing is told" });
});

test("of a container that does not run nothing is reported", () => {
  expect(answersOf("away")).toBeUndefined();
});

test("a server of SSH is known by its first word, and what sends another or floods is none", async () => {
  const greetings = { 2022: "SSH-2.0-Test\\r\\n", 7002: "x" };
  for (const [port, greeting] of Object.entries(greetings)) {
    const talker = await talkIn(Number(port), greeting, port === "7002");
    ending.defer(() => void talker.kill("SIGKILL"));
  }
  await container.serve(7001);

  expect(await reported("server", true)).toBe("");
  for (const [leaseId, port] of [
    ["mute", 7001],
    ["flood", 7002],
  ] as const)
    await eventually(() =>
      answersOf(leaseId)?.detail.startsWith(`What listens on port ${port} in the container does not answer`),
    );

  for (const leaseId of ["server", "mute", "flood"])
    expect(await access.reported(leaseId, { state: "held" })).toMatchObject({ lastAccessedAt: null });
});

test("who was seen and is gone is missed as soon as a client comes to nobody, with what the container has used up", async () => {
  const leases = [...LEASES, wantedLease("leaves", { internalPort: 7005 })];
  const service = await serveIn({ pid: container.instance.pid, port: 7005 });
  await access.print({ leases, instances: [container.instance] });
  await reported("leaves", true);
  // Init and its child are all that it may have from now on.
  await docker.getContainer(container.containerId).update({ PidsLimit: 2 });
  service.kill("SIGKILL");
  await once(service, "exit");

  const client = connect({ port: await access.portOf("leaves"), host: "127.0.0.1" });
  client.resume();
  await once(client, "close");

  expect(await reported("leaves", false)).toBe(
    "The container has used up the 2 processes that it may have. Nobody listens on port 7005 in the container.",
  );
});

/** Says one thing to whoever connects: once, or for as long as it is taken. */
async function talkIn(port: number, greeting: string, isForEver: boolean): Promise<ChildProcess> {
  const talk = `require("node:net").createServer((client) => {
    client.on("error", () => client.destroy());
    const say = () => { while (${isForEver} && client.write("${greeting}".repeat(65536))); };
    client.write("${greeting}");
    client.on("drain", say);
    say();
  }).listen(${port}, "127.0.0.1", () => console.log("listening"))`;
  const talker = spawn(
    "nsenter",
    ["-t", String(container.instance.pid), "-n", process.execPath, "-e", talk],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  await once(talker.stdout, "data");
  return talker;
}
