/** Who may enter a container by SSH, from the order to OpenSSH's own client: given, taken away, and kept over restarts. */
import { generateKeyPairSync } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import { AgentUnderTest } from "../../support/agent/agent.ts";
import { ScriptedControlPlane } from "../../support/agent/scripted-control-plane.ts";
import { docker, importBusyboxImage } from "../../support/containers/docker.ts";
import { eventually } from "../../support/eventually.ts";
import { desiredOf } from "../../support/samples/desired-instance.ts";

const ending = new AsyncDisposableStack();
const hostKey = generateKeyPairSync("ed25519").privateKey.export({ format: "pem", type: "pkcs8" }).toString();
let controlPlane: ScriptedControlPlane;
let folder: string;
const lines = new Map<string, string>();

beforeAll(async () => {
  await importBusyboxImage();
  controlPlane = ending.adopt(await ScriptedControlPlane.start(), (one) => one.close());
  folder = await mkdtemp(join(tmpdir(), "rg-doors-"));
  ending.defer(() => rm(folder, { recursive: true, force: true }));
  for (const name of ["owner", "other"]) {
    await execa("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(folder, name)]);
    const [type, body] = (await readFile(join(folder, `${name}.pub`), "utf8")).split(" ");
    lines.set(name, `${type} ${body}`);
  }
});

afterAll(() => ending.disposeAsync());

const entered = (name: string, keySets: string[], rest: Partial<DesiredInstance> = {}) =>
  desiredOf(
    name,
    {},
    {
      live: { stopGraceSeconds: 2, onDisconnect: "keep", stopAfterSeconds: null, ssh: { keySets, hostKey } },
      ...rest,
    },
  );
const setOf = (person: number, name: string) => ({
  id: `c-${person}`,
  keys: [{ id: person, line: lines.get(name) ?? "" }],
});

async function running({ hostId }: AgentUnderTest): Promise<string[]> {
  const filters = JSON.stringify({ label: [`remotegpu.host=${hostId}`], status: ["running"] });
  return (await docker.listContainers({ filters })).map(({ Id }) => Id);
}

/** What the client prints of a command inside, or null where it is not let in. */
async function enter(agent: AgentUnderTest, name: string, command: string): Promise<string | null> {
  const [containerId = ""] = await running(agent);
  const { Pid: pid } = (await docker.getContainer(containerId).inspect()).State;
  const config = join(folder, `config-${name}`);
  await writeFile(
    config,
    [
      "Host inside",
      `ProxyCommand nsenter --net=/proc/${pid}/ns/net /usr/bin/busybox nc 127.0.0.1 2022`,
      "User root",
      `IdentityFile ${join(folder, name)}`,
      "IdentitiesOnly yes",
      "BatchMode yes",
      "StrictHostKeyChecking no",
      "UserKnownHostsFile /dev/null",
      "LogLevel ERROR",
    ].join("\n"),
  );
  const { exitCode, stdout } = await execa("ssh", ["-F", config, "inside", command], { reject: false });
  return exitCode === 255 ? null : stdout;
}

test("keys open an instance as they are ordered, and are taken away while it runs", async () => {
  const agent = ending.adopt(await AgentUnderTest.begin(controlPlane), (one) => one.end());
  const { host } = agent;
  host.keySets = [setOf(1, "owner"), setOf(2, "other")];
  host.order([entered("lab", ["c-1"])]);
  await host.reported("run-lab", { phase: "ready" });

  const home = await eventually(async () => (await enter(agent, "owner", "pwd")) ?? false, {
    what: "a way in for the owner",
  });
  expect(home).toMatch(/^\//);
  expect(await enter(agent, "other", "true")).toBeNull();
  const before = await running(agent);

  host.order([entered("lab", ["c-2"])]);

  await eventually(async () => (await enter(agent, "other", "echo in")) === "in", {
    what: "a way in for the other",
  });
  expect(await enter(agent, "owner", "true")).toBeNull();
  expect(await running(agent)).toEqual(before);

  await agent.stop();
  await agent.start({ isCutOff: true });
  expect(agent.journal.desired.keySets.all()).toEqual([setOf(2, "other")]);
  expect(await enter(agent, "other", "echo in")).toBe("in");
  await agent.stop();
  await agent.start();

  host.order([entered("lab", [], { want: "removed", orderedBy: "customer" })]);
  await eventually(() => host.report?.instances.length === 0, { what: "an empty host" });
  expect(readdirSync(join(agent.stateDir, "live"))).toEqual([]);
});

test("an order without an access method has no folder for one", async () => {
  const agent = ending.adopt(await AgentUnderTest.begin(controlPlane), (one) => one.end());
  agent.host.order([desiredOf("shut", {}, { live: { ...entered("x", []).live, ssh: { keySets: [] } } })]);

  await agent.host.reported("run-shut", { phase: "ready" });

  expect(existsSync(join(agent.stateDir, "live"))).toBe(false);
});
