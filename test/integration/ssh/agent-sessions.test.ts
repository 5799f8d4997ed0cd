/** Who is in by SSH, from the order to the report: told, forgotten once it was taken, and cut off when the order says so. */
import { spawn, type ChildProcess } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ACCESS_FILE } from "@remotegpu/agent/access/store/lease-store";
import { fingerprintOf } from "@remotegpu/agent/loop/opened-by";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import type { AccessSession } from "@remotegpu/shared/instance/ssh-access";
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import { AccessUnderTest } from "../../support/agent/access.ts";
import { AgentUnderTest } from "../../support/agent/agent.ts";
import { ScriptedControlPlane } from "../../support/agent/scripted-control-plane.ts";
import { eventually } from "../../support/eventually.ts";
import { desiredOf } from "../../support/samples/desired-instance.ts";
import { wantedLease } from "../../support/samples/lease-samples.ts";

const ACCESS_AHEAD = new URL("../../fixtures/access-ahead.ts", import.meta.url).pathname;
const hostKey = generateKeyPairSync("ed25519").privateKey.export({ format: "pem", type: "pkcs8" }).toString();
const ending = new AsyncDisposableStack();
const lines = new Map<string, string>();
let folder: string;
let owner: { client: ChildProcess; session: AccessSession };
let agent: AgentUnderTest;
let access: AccessUnderTest;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "rg-agent-sessions-"));
  ending.defer(() => rm(folder, { recursive: true, force: true }));
  for (const name of ["owner", "other"]) {
    await execa("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(folder, name)]);
    const [type, body] = (await readFile(join(folder, `${name}.pub`), "utf8")).split(" ");
    lines.set(name, `${type} ${body}`);
  }
  const controlPlane = ending.adopt(await ScriptedControlPlane.start(), (one) => one.close());
  ending.defer(() => access?.end());
  agent = ending.adopt(await AgentUnderTest.begin(controlPlane, { hasAccess: true }), (one) =>
    one.end({ leavesFolder: true }),
  );
  access = ending.adopt(
    await AccessUnderTest.begin({}, { folder: agent.stateDir, script: ACCESS_AHEAD }),
    (one) => one.stop(),
  );
  access.leaveAgent();
  const { host } = agent;
  host.leases = [wantedLease("way", { workloadId: "env-lab", service: "ssh", internalPort: 2022 })];
  host.keySets = [setOf(1, "owner"), setOf(2, "other")];
  host.order([entered(["c-1", "c-2"])]);
  await host.reported("run-lab", { phase: "ready" });
});
afterAll(() => ending.disposeAsync());

const entered = (keySets: string[]): DesiredInstance =>
  desiredOf(
    "lab",
    {},
    {
      live: { stopGraceSeconds: 2, onDisconnect: "keep", stopAfterSeconds: null, ssh: { keySets, hostKey } },
    },
  );
const setOf = (person: number, name: string) => ({
  id: `c-${person}`,
  keys: [{ id: person, line: lines.get(name) ?? "" }],
});
const reported = (): AccessSession[] => agent.host.access?.sessions ?? [];
const openOf = (name: string, since = "") =>
  reported().find(
    ({ openedAt, login, ended }) =>
      openedAt >= since && ended === null && login?.fingerprint === fingerprintOf(lines.get(name) ?? ""),
  );

/** As an administrator's ticket tells it. */
const ticketOf = (name: string, expiresAtMs: number) => ({
  id: "t-9",
  keys: [{ id: 9, line: lines.get(name) ?? "", expiresAt: new Date(expiresAtMs).toISOString() }],
});

/** Options of a client with this key. */
async function configOf(name: string): Promise<string> {
  const port = await eventually(
    () => agent.host.report?.leases?.find(({ state }) => state === "held")?.externalPort,
    { what: "a leased port" },
  );
  const config = join(folder, `config-${name}`);
  const options = [
    "Host inside",
    "HostName 127.0.0.1",
    `Port ${port}`,
    "User root",
    `IdentityFile ${join(folder, name)}`,
    "IdentitiesOnly yes",
    "BatchMode yes",
    "StrictHostKeyChecking no",
    "UserKnownHostsFile /dev/null",
    "LogLevel ERROR",
  ];
  await writeFile(config, options.join("\n"));
  return config;
}

const tried = async (name: string) =>
  await execa("ssh", ["-F", await configOf(name), "inside", "true"], { reject: false });

/** A client that stays in, and its session as the control plane heard of it. */
async function enter(name: string): Promise<{ client: ChildProcess; session: AccessSession }> {
  const config = await configOf(name);
  await eventually(async () => (await tried(name)).exitCode === 0, { what: `a login of ${name}` });
  const since = new Date().toISOString();
  const client = spawn("ssh", ["-F", config, "-N", "inside"], { stdio: ["pipe", "ignore", "ignore"] });
  ending.defer(() => void client.kill("SIGKILL"));
  const session = await eventually(() => openOf(name, since), { what: `a session of ${name} in a report` });
  return { client, session };
}

async function endOf({ sessionId }: AccessSession): Promise<AccessSession["ended"]> {
  return eventually(() => reported().find((one) => one.sessionId === sessionId)?.ended ?? undefined, {
    what: "the end of a session in a report",
  });
}

test("who is in is reported, and goes within seconds when the order has that key no more; others stay", async () => {
  const { host } = agent;
  const other = await enter("other");
  owner = await enter("owner");
  expect(owner.session).toMatchObject({ runId: "run-lab", leaseId: "way" });
  const gone = once(other.client, "close");

  host.keySets = [setOf(1, "owner")];
  host.order([entered(["c-1"])]);

  expect(await endOf(other.session)).toMatchObject({ by: "cut" });
  await gone;
  expect(openOf("owner")?.sessionId).toBe(owner.session.sessionId);
  expect(owner.client.exitCode).toBeNull();
});

test("who is in by a ticket goes when its time is over, and comes in no more; others stay", async () => {
  const { host } = agent;
  const keySets = ["c-1", "t-9"];
  host.keySets = [setOf(1, "owner"), ticketOf("other", Date.now() + 15 * MS_PER_MINUTE)];
  host.order([entered(keySets)]);
  const ticket = await enter("other");
  const gone = once(ticket.client, "close");

  // Its last two seconds.
  const untilMs = Date.now() + 2_000;
  host.keySets = [setOf(1, "owner"), ticketOf("other", untilMs)];
  host.order([entered(keySets)]);

  const end = await endOf(ticket.session);
  expect(end).toMatchObject({ by: "cut", detail: "The time of its key is over." });
  expect(Date.parse(end?.at ?? "")).toBeGreaterThanOrEqual(untilMs);
  await gone;
  const refused = await tried("other");
  expect([refused.exitCode, refused.stderr]).toEqual([255, expect.stringContaining("Permission denied")]);
  expect(openOf("owner")?.sessionId).toBe(owner.session.sessionId);
  expect(owner.client.exitCode).toBeNull();
});

test("who was refused is counted, and reported when the clock has come to the next five minutes", async () => {
  const { host } = agent;
  const refused = await tried("other");
  expect(refused.stderr).toContain("Permission denied");

  const attempts = await eventually(
    () => {
      access.setForward();
      return host.attempts.find(({ outcome }) => outcome === "no-login");
    },
    { what: "attempts in a report" },
  );

  expect(attempts).toMatchObject({
    leaseId: "way",
    workloadId: "env-lab",
    service: "ssh",
    from: "127.0.0.1",
  });
  expect(attempts.count).toBeGreaterThan(0);
});

test("an agent that begins anew leaves everybody in", async () => {
  const { host } = agent;
  await agent.stop();
  host.access = null;
  await agent.start();
  const heartbeats = host.heartbeats.length;

  await eventually(() => openOf("owner") !== undefined && host.heartbeats.length > heartbeats, {
    what: "a report of the new agent",
  });

  expect(openOf("owner")?.sessionId).toBe(owner.session.sessionId);
  expect(owner.client.exitCode).toBeNull();
});

test("a session that is named ends, also where the agent has ended between the order and its delivery", async () => {
  const { host } = agent;
  const { client, session } = owner;
  host.cuts = [{ sessionId: session.sessionId, because: "Its owner asked for it." }];
  access.program.pause();
  host.order([entered(["c-1"])]);
  await eventually(() => agent.journal.desired.cuts.all().length === 1, { what: "a cut in the journal" });
  await agent.stop();
  await agent.start({ isCutOff: true });
  const gone = once(client, "close");

  access.program.resume();
  await gone;

  await agent.stop();
  await agent.start();
  expect(await endOf(session)).toMatchObject({ by: "cut", detail: "Its owner asked for it." });
});

test("who is in goes, and sshd with it, when the order lets nobody in any more", async () => {
  const { host } = agent;
  host.cuts = [];
  const { client, session } = await enter("owner");
  const gone = once(client, "close");
  const { live } = entered([]);

  host.order([{ ...entered([]), live: { ...live, ssh: { keySets: [] } } }]);

  expect(await endOf(session)).toMatchObject({ by: "cut", detail: expect.stringMatching(/(no|any) more/) });
  await gone;
  const { containerId } = await host.reported("run-lab", { phase: "ready" });
  await eventually(
    async () => {
      const { stdout } = await execa("docker", ["top", containerId ?? "", "-eo", "pid,args"]);
      return !stdout.includes("sshd");
    },
    { what: "the end of sshd" },
  );
});

test("what stood in a report that was taken is forgotten by the access process", async () => {
  // The rest of what was counted.
  access.setForward();
  const book = () => {
    const file = new Database(join(agent.stateDir, ACCESS_FILE), { readonly: true });
    const rows = file.prepare("SELECT entry FROM access_book").all();
    file.close();
    return rows;
  };

  await eventually(() => book().length === 0, { what: "a book without what is over" });
  expect(agent.host.heartbeats.at(-1)?.degraded).toEqual([]);
});
