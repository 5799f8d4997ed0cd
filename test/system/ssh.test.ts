/** SSH into environments as customers use it: OpenSSH's own programs, told by the command line where to go. */
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { type FreshDatabase, freshDatabase } from "../support/engines/postgres.ts";
import { eventually } from "../support/eventually.ts";
import { BUSYBOX_IMAGE } from "../support/samples/desired-instance.ts";
import { commandFile } from "../support/suite/command-file.ts";
import { House } from "../support/worlds/house.ts";
import { freePort } from "../support/engines/free-ports.ts";

const PATH = { PATH: process.env["PATH"] ?? "" };
const Access = z.looseObject({
  services: z.array(
    z.looseObject({
      service: z.string(),
      reachable: z.boolean(),
      reason: z.string().nullable(),
      host_key_fingerprint: z.string().nullish(),
      host: z.string().nullish(),
    }),
  ),
});

let database: FreshDatabase;
let house: House;
let id: string;
let identity: string[];
let keyId: number;

const ending = new AsyncDisposableStack();
beforeAll(async () => {
  database = ending.adopt(await freshDatabase(), (one) => one.drop());
  const web = `localhost:${await freePort()}`;
  const settings = {
    DATABASE_URL: database.url,
    WEB_DOMAIN: web,
    REMOTEGPU_GATEWAY_LISTEN: web.replace("localhost", "127.0.0.1"),
  };
  house = ending.adopt(await House.open({ hosts: 0, settings }), (one) => one.close());
  mkdirSync(join(house.folder, "pool"));
  await house.addHost(await pooled());
  mkdirSync(join(house.folder, ".ssh"));
  const file = join(house.folder, ".ssh", "id_ed25519");
  await execa("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "alice@laptop", "-f", file]);
  // OpenSSH looks for keys in the home that the system knows, not in HOME.
  identity = ["-i", file, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"];
});
afterAll(() => ending.disposeAsync());

const cli = (...args: string[]) => house.cli(args, PATH);
/** A command inside, by `remotegpu ssh`. */
const inside = (...argv: string[]) => cli("ssh", "lab", "--", ...identity, ...argv);

test("a key is added from where ssh keeps it, and an environment is entered as soon as it runs", async () => {
  const added = await cli("ssh-key", "add", "--json");
  expect(added).toMatchObject({ exitCode: 0 });
  const key = z.looseObject({ id: z.int(), name: z.string() }).parse(JSON.parse(added.stdout));
  expect(key.name).toBe("alice@laptop");
  keyId = key.id;
  const order = await cli("env", "create", "lab", "--image", BUSYBOX_IMAGE, "--memory", "256M", "--json");
  id = String(JSON.parse(order.stdout).id);

  const done = await inside("echo", "$((20 + 3))");

  expect(done.stderr).not.toContain("Permission denied");
  expect(done.stdout).toBe("23");
  expect(done.exitCode).toBe(0);
});

test("the access method is listed with its host key, which ssh has checked", async () => {
  const access = Access.parse(await house.customer.get(`/environments/${id}/access`));
  const ssh = access.services.find(({ service }) => service === "ssh");

  expect(ssh).toMatchObject({ reachable: true, reason: null });
  const known = readFileSync(join(house.folder, ".ssh", "remotegpu_known_hosts"), "utf8");
  expect(known).toMatch(new RegExp(`^remotegpu-${id} ssh-ed25519 `));
  const { stdout } = await execa("ssh-keygen", ["-lf", "-"], { input: known });
  expect(stdout).toContain(ssh?.host_key_fingerprint ?? "none");
});

test.each([0, 1, 42, 255])("exit code %i comes back", async (code) => {
  expect((await inside(`exit ${code}`)).exitCode).toBe(code);
});

test("outputs stay apart, and input is passed on to its end, whatever its bytes are", async () => {
  const apart = await inside("echo out; echo err >&2");
  expect([apart.stdout, apart.stderr.trim()]).toEqual(["out", "err"]);

  const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, at) => (at * 7) % 256));
  const child = await execa(
    process.execPath,
    [...process.execArgv, ...cliArgs("ssh", "lab", "--", ...identity, "md5sum")],
    {
      env: cliEnv(),
      extendEnv: false,
      input: bytes,
    },
  );
  const { stdout } = await execa("md5sum", [], { input: bytes });
  expect(child.stdout.split(" ")[0]).toBe(stdout.split(" ")[0]);
});

test("files go in and out by scp", async () => {
  const file = join(house.folder, "model.bin");
  writeFileSync(file, Buffer.alloc(1_000_000, 7));

  expect(await cli("scp", "--", ...identity, file, "lab:/gemini/code/model.bin")).toMatchObject({
    exitCode: 0,
  });
  expect(await cli("scp", "--", ...identity, "lab:/gemini/code/model.bin", `${file}.back`)).toMatchObject({
    exitCode: 0,
  });
  expect(readFileSync(`${file}.back`).equals(readFileSync(file))).toBe(true);
});

test("a port inside becomes one of this machine", async () => {
  await inside("(while :; do echo hello | nc -l -p 7000; done) >/dev/null 2>&1 </dev/null &");
  const here = await freePort();
  const forward = spawn(process.execPath, cliArgs("port-forward", "lab", `7000:${here}`, "--", ...identity), {
    env: cliEnv(),
    stdio: "ignore",
  });
  try {
    const answer = async () => (await output(here)) || false;
    expect(await eventually(answer, { withinMs: 60_000, what: "the port's answer" })).toBe("hello\n");
  } finally {
    forward.kill();
  }
});

test("ssh-config has an entry that ssh takes, and a second writing changes nothing of the user's own", async () => {
  const first = await cli("ssh-config", "--write");
  const config = readFileSync(join(house.folder, ".ssh", "config"), "utf8");
  await cli("ssh-config", "--write");

  expect(first.stdout).toContain("1 entries");
  expect(config).toMatch(/^Include remotegpu_config\n/);
  expect(readFileSync(join(house.folder, ".ssh", "config"), "utf8")).toBe(config);
  const args = ["-F", join(house.folder, ".ssh", "remotegpu_config"), ...identity, "lab", "hostname"];
  expect((await execa("ssh", args)).stdout).not.toBe("");
});

test("SSH goes through the gateway as well, with exit codes, outputs and files as they are", async () => {
  const through = (...argv: string[]) => cli("ssh", "--through-gateway", "lab", "--", ...identity, ...argv);

  const done = await through("echo out; echo err >&2; exit 42");
  expect(done.stderr).toContain("err");
  expect(done).toMatchObject({ exitCode: 42, stdout: "out" });

  const file = join(house.folder, "through.bin");
  writeFileSync(file, Buffer.alloc(3_000_000, 9));
  const copy = ["scp", "--through-gateway", "--", ...identity];
  expect(await cli(...copy, file, "lab:/gemini/code/through.bin")).toMatchObject({ exitCode: 0 });
  expect(await cli(...copy, "lab:/gemini/code/through.bin", `${file}.back`)).toMatchObject({ exitCode: 0 });
  expect(readFileSync(`${file}.back`).equals(readFileSync(file))).toBe(true);
});

test("who came through it is listed with their own address, and sent away like any other", async () => {
  await nobodyIsIn();
  const since = new Date();
  const guest = comeIn(identity, ["--through-gateway"]);
  await guest.isIn;
  const named = async () =>
    (await sessionsSince(since)).find(
      ({ login, client_address: from }) => login !== null && /gateway/.test(from ?? ""),
    );
  const visible = await eventually(named, { withinMs: 60_000, what: "the session through the gateway" });
  expect(visible).toMatchObject({
    service_type: "ssh",
    client_address: "127.0.0.1 through the gateway",
    login: { method: "publickey", username: "alice", key_name: "alice@laptop" },
  });

  expect(await cli("env", "disconnect", "lab", String(visible.id))).toMatchObject({ exitCode: 0 });

  await eventually(guest.hasEnded, { withinMs: 60_000, what: "its end" });
});

test("who is in is listed with whose key it is, and one who is sent away goes alone", async () => {
  await nobodyIsIn();
  const since = new Date();
  const [first, second] = [comeIn(identity), comeIn(identity)];
  await first.isIn;
  await second.isIn;

  const both = async () => {
    const visible = (await sessionsSince(since)).filter(({ login }) => login !== null);
    return visible.length === 2 && visible;
  };
  const visible = await eventually(both, { withinMs: 60_000, what: "two sessions of the host's report" });
  const login = { method: "publickey", username: "alice", key_name: "alice@laptop", told_by: "container" };
  const client_address = await ownAddress();
  for (const one of visible) expect(one).toMatchObject({ service_type: "ssh", client_address, login });
  const { id: sent = 0 } = visible[0] ?? {};
  expect(await cli("env", "disconnect", "lab", String(sent))).toMatchObject({ exitCode: 0 });

  await Promise.race([first.end, second.end]);
  const isCut = async () =>
    (await accessLog()).some(({ id: entry, outcome }) => entry === sent && outcome === "cut");
  await eventually(isCut, { withinMs: 60_000, what: "the end of the session in the access log" });
  expect([first, second].filter((one) => one.hasEnded())).toHaveLength(1);
  expect((await listedByCommand("sessions", "lab")).filter(({ id: one }) => one === sent)).toEqual([]);
});

test("a key that was removed opens nothing within seconds, and ends who came by it and nobody else", async () => {
  const file = otherIdentity()[1] ?? "";
  await execa("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "alice@desk", "-f", file]);
  await cli("ssh-key", "add", `${file}.pub`);
  const other = comeIn(otherIdentity());
  const mine = comeIn(identity);
  const mineThroughGateway = comeIn(identity, ["--through-gateway"]);
  await other.isIn;
  await mine.isIn;
  await mineThroughGateway.isIn;
  await eventually(async () => (await fromQueue()) === 1, { withinMs: 60_000, what: "whose the other is" });

  const removal = await cli("ssh-key", "delete", String(keyId));

  expect(removal.stdout).toContain("What was left inside as root is not undone");
  await eventually(mine.hasEnded, { withinMs: 5_000, what: "the end of a session whose key is gone" });
  await eventually(mineThroughGateway.hasEnded, { withinMs: 5_000, what: "that of one through the gateway" });
  const refused = async () => {
    const tried = await inside("true");
    return tried.exitCode === 255 && tried;
  };
  const { stderr } = await eventually(refused, { withinMs: 5_000, what: "the refusal of a removed key" });
  expect(stderr).toContain("Permission denied");
  expect(other.hasEnded()).toBe(false);
  const events = z
    .object({ items: z.array(z.looseObject({ kind: z.string(), reason: z.string().nullable() })) })
    .parse(await house.customer.get(`/environments/${id}/events`));
  expect(events.items.find(({ kind }) => kind === "entry-revoked")?.reason).toContain("restart it");
});

test("who was refused stands in the access log once the host has counted it", async () => {
  // A relay tells of refusals with the next session, and what an access process has counted, its next one tells.
  comeIn(otherIdentity());
  await eventually(async () => (await fromQueue()) === 2, { withinMs: 60_000, what: "another session" });
  await house.hosts[0]?.access.stop();
  house.hosts[0]?.access.start();

  const refused = async () => (await accessLog()).find(({ kind }) => kind === "attempts");
  const entry = await eventually(refused, { withinMs: 60_000, what: "attempts in the access log" });
  expect(entry).toMatchObject({ outcome: "no-login", client_address: await ownAddress(), login: null });
  expect((await cli("env", "access-log", "lab", "--kind", "attempts")).stdout).toContain("no-login");
  expect((await listedByCommand("access-log", "lab")).map(({ id: one }) => one)).toContain(entry.id);
});

test("an administrator comes in by a ticket alone, and goes with it", async () => {
  const file = join(house.folder, "office_key");
  await execa("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", file]);
  const public_key = readFileSync(`${file}.pub`, "utf8");
  const ticket = await house.admin.post(`/environments/${id}/ssh-tickets`, {
    public_key,
    reason: "It hangs.",
  });
  const admin = ["-i", file, ...identity.slice(2)];
  const isOpen = async () => (await cli("ssh", "lab", "--", ...admin, "true")).exitCode === 0;
  await eventually(isOpen, { withinMs: 60_000, what: "the way in by a ticket" });
  const inside = comeIn(admin);
  const isNamed = async () => (await sessions()).some(({ login }) => login?.ticket_id === ticket.id);
  await eventually(isNamed, { withinMs: 60_000, what: "the session of the ticket" });

  await house.admin.delete(`/environments/${id}/ssh-tickets/${String(ticket.id)}`);

  await eventually(inside.hasEnded, { withinMs: 5_000, what: "the end of a session whose ticket has ended" });
  expect((await cli("env", "ssh-tickets", "lab")).stdout).toContain("It hangs.");
});

test("of one that is stopped the message names what to do", async () => {
  await cli("env", "stop", "lab", "--wait");

  const refused = await inside("true");

  expect(refused.exitCode).toBe(1);
  expect(refused.stderr).toContain(`remotegpu env start ${id}`);
});

test("on another host it has the key by which its clients know it", async () => {
  const known = () => readFileSync(join(house.folder, ".ssh", "remotegpu_known_hosts"), "utf8");
  const before = known();
  await cli("ssh-key", "add");
  const second = await house.addHost(await pooled());
  // Nothing is placed on it before the two have shown each other that they see one pool.
  const isProved = async () => {
    const { pool_state: state, pool_reason: reason } = await house.admin.get(`/hosts/${second.id}`);
    if (state !== "trusted") throw new Error(`the pool is ${String(state)}: ${String(reason)}`);
    return true;
  };
  await eventually(isProved, { withinMs: 150_000 });
  await house.admin.post(`/hosts/${house.hosts[0]?.id ?? ""}/cordon`);

  await cli("env", "start", "lab", "--wait");
  const done = await inside("cat", "/gemini/code/model.bin", "|", "wc", "-c");

  expect(done).toMatchObject({ exitCode: 0, stdout: "1000000" });
  expect(await house.customer.get(`/environments/${id}`)).toMatchObject({ host_id: house.hosts[1]?.id });
  expect(known()).toBe(before);
});

const Session = z.looseObject({
  id: z.int(),
  kind: z.string().optional(),
  opened_at: z.string().optional(),
  outcome: z.string().nullish(),
  client_address: z.string().nullish(),
  login: z.looseObject({ key_name: z.string().nullable(), ticket_id: z.int().nullable() }).nullable(),
});
/** By the API: what is asked again and again begins no program each time. */
const listed = async (what: "sessions" | "access-log") =>
  z.array(Session).parse(await house.customer.rows(`/environments/${id}/${what}`));
const sessions = async () => await listed("sessions");
/** Hosts tell of sessions afterwards: one of before may come to be listed only now, although it is over. */
const sessionsSince = async (since: Date) =>
  (await sessions()).filter(({ opened_at: openedAt = "" }) => Date.parse(openedAt) >= since.getTime());
const accessLog = async () => await listed("access-log");
/** By the command. */
const listedByCommand = async (...args: string[]) =>
  z.object({ items: z.array(Session) }).parse(JSON.parse((await cli("env", ...args, "--json")).stdout)).items;

/** Who went is told with the host's next report. */
const nobodyIsIn = async () =>
  await eventually(async () => (await sessions()).length === 0, {
    withinMs: 60_000,
    what: "the end of the sessions before",
  });

/** How many are in with the key of the desk. */
const fromQueue = async () =>
  (await sessions()).filter(({ login }) => login?.key_name === "alice@desk").length;

function otherIdentity(): string[] {
  return ["-i", join(house.folder, "other_key"), ...identity.slice(2)];
}

/** By which this machine comes to its own host. */
async function ownAddress(): Promise<string> {
  const { services } = Access.parse(await house.customer.get(`/environments/${id}/access`));
  return services.find(({ service }) => service === "ssh")?.host ?? "none";
}

/** Somebody who stays inside. */
function comeIn(how: readonly string[], options: readonly string[] = []) {
  const child = spawn(
    process.execPath,
    cliArgs("ssh", ...options, "lab", "--", ...how, "echo in; exec sleep 600"),
    {
      env: cliEnv(),
      stdio: ["ignore", "pipe", "ignore"],
    },
  );
  ending.defer(() => void child.kill());
  const isIn = new Promise<void>((resolve) => child.stdout.once("data", () => resolve()));
  const end = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  return { isIn, end, hasEnded: () => child.exitCode !== null };
}

/** Of hosts that share the files of their environments. Gateways find an access process that is started again where it was. */
async function pooled(): Promise<Record<string, string>> {
  return {
    REMOTEGPU_STORAGE_POOL: "shared",
    REMOTEGPU_POOL_FOLDER: join(house.folder, "pool"),
    REMOTEGPU_GATEWAY_PORT: String(await freePort()),
  };
}

/** What a port of this machine says to whoever connects; empty where nobody answers. */
async function output(port: number): Promise<string> {
  const socket = connect({ port, host: "127.0.0.1" });
  try {
    return (await socket.toArray()).join("");
  } catch {
    return "";
  }
}

function cliArgs(...args: string[]): string[] {
  return [commandFile(), ...args];
}

function cliEnv(): Record<string, string> {
  return {
    ...PATH,
    REMOTEGPU_SERVER: house.url,
    REMOTEGPU_KEY: house.customerKey,
    HOME: house.folder,
  };
}
