/**
 * The web side as operators run it: two gateways as processes of their own behind one address, a host that lets nobody in
 * beside one that does, real clients; one gateway is killed, the other ends in order.
 */
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { z } from "zod";
import { importXrdpImage, XRDP_IMAGE } from "../support/containers/images/desktop-images.ts";
import { type FreshDatabase, freshDatabase } from "../support/engines/postgres.ts";
import { eventually } from "../support/eventually.ts";
import { rdpHandshake } from "../support/rdp.ts";
import { BUSYBOX_IMAGE } from "../support/samples/desired-instance.ts";
import { commandFile } from "../support/suite/command-file.ts";
import { NODE } from "../support/suite/commands-node.ts";
import { BehindNat } from "../support/worlds/fleet/behind-nat.ts";
import { folderWithOperator, GatewayPair } from "../support/worlds/services/gateway-pair.ts";
import { House } from "../support/worlds/house.ts";
import { CONTROL_PLANE, Program } from "../support/programs/program.ts";
import { Page } from "../support/worlds/terminal-scene.ts";

const WITHIN = { withinMs: 60_000 };
const PATH = { PATH: process.env["PATH"] ?? "" };
/** By the host that it runs on. */
const LABS = { open: "lab-open", shut: "lab-shut" };

let database: FreshDatabase;
let house: House;
let pair: GatewayPair;
let identity: string[];
const ids: Record<string, string> = {};
let begun = 0;

const ending = new AsyncDisposableStack();
beforeAll(async () => {
  database = ending.adopt(await freshDatabase(), (one) => one.drop());
  const nat = ending.adopt(await BehindNat.begin(), (one) => one.end());
  const settings = { DATABASE_URL: database.url, REMOTEGPU_GATEWAY_LISTEN: "off" };
  house = ending.adopt(await House.open({ hosts: 1, settings }), (one) => one.close());
  pair = ending.adopt(
    await GatewayPair.begin(house, { databaseUrl: database.url, tunnelAddress: nat.outside }),
    (one) => one.close(),
  );
  const behind = nat.accessScript;
  await house.addHost(behind.settings, { accessScript: behind.script });
  mkdirSync(join(house.folder, ".ssh"));
  const file = join(house.folder, ".ssh", "id_ed25519");
  await execa("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", file]);
  identity = ["-i", file, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"];
  await cli("ssh-key", "add");
  for (const [nth, name] of [LABS.open, LABS.shut].entries()) {
    const others = house.hosts.filter((_, at) => at !== nth);
    for (const { id } of others) await house.admin.post(`/hosts/${id}/cordon`);
    const made = await cli(
      "env",
      "create",
      name,
      "--image",
      BUSYBOX_IMAGE,
      "--memory",
      "256M",
      "--wait",
      "--json",
    );
    ids[name] = String(JSON.parse(made.stdout).id);
    for (const { id } of others) await house.admin.post(`/hosts/${id}/uncordon`);
  }
}, 180_000);
afterAll(() => ending.disposeAsync());

const cli = (...args: string[]) => house.cli(args, PATH);
const operator = (...args: string[]) => house.cli(args, { ...PATH, REMOTEGPU_KEY: house.adminKey });
const inside = (name: string, ...argv: string[]) => cli("ssh", name, "--", ...identity, ...argv);

const Service = z.looseObject({ service: z.string(), reachable: z.boolean(), reason: z.string().nullable() });
const Access = z.looseObject({ services: z.array(Service) });
async function sshOf(name: string) {
  const { services } = Access.parse(await house.customer.get(`/environments/${ids[name] ?? ""}/access`));
  return services.find(({ service }) => service === "ssh");
}

/** In at the terminal of an environment, by a link and its cookie, as a browser is. */
async function terminal(name: string, cookie?: string): Promise<{ page: Page; cookie: string }> {
  const host = `terminal-${ids[name] ?? ""}.${pair.domain}`;
  const visible = cookie ?? (await cookieOf(name));
  const page = new Page(
    new WebSocket(`ws://127.0.0.1:${pair.domain.split(":")[1]}/socket`, {
      headers: { Host: host, Origin: `http://${host}`, Cookie: visible },
    }),
  );
  onTestFinished(() => page.close());
  await page.opened;
  page.report({ kind: "open", tab: null, columns: 80, rows: 24 });
  await page.tab();
  return { page, cookie: visible };
}

async function cookieOf(name: string): Promise<string> {
  const { stdout: link } = await cli("open", name, "terminal");
  const { stdout } = await execa("curl", ["-sS", "-o", "/dev/null", "-D", "-", ...resolved(link), link]);
  return /^set-cookie: ([^;]+);/im.exec(stdout)?.[1] ?? "";
}

/** Not every machine knows names below localhost. */
const resolved = (url: string) => ["--resolve", `${new URL(url).host}:127.0.0.1`];

test("which route each host takes is reported, and why ports of a host that lets nobody in lead nowhere", async () => {
  const [open, shut] = house.hosts;
  const Hosts = z.object({ items: z.array(z.looseObject({ id: z.string(), tunnel: z.string() })) });
  const routes = async () => {
    const { items } = Hosts.parse(JSON.parse((await operator("host", "list", "--json")).stdout));
    const of = new Map(items.map(({ id, tunnel }) => [id, tunnel]));
    return of.get(open?.id ?? "") === "direct" && of.get(shut?.id ?? "") === "reversed";
  };
  await eventually(routes, { ...WITHIN, what: "both ways" });

  const { stdout: table } = await operator("host", "list");
  const ssh = await eventually(
    async () => {
      const one = await sshOf(LABS.shut);
      return one?.reason?.includes("lets nobody in") === true && one;
    },
    { ...WITHIN, what: "a port that is held" },
  );

  expect(table).toMatch(/host-1 .* direct /);
  expect(table).toMatch(/host-2 .* reversed /);
  expect(ssh).toMatchObject({
    reachable: false,
    reason:
      "Host host-2 lets nobody in from outside its network, so the port leads nowhere from there. `remotegpu ssh` goes through the gateway.",
  });
  await eventually(async () => (await sshOf(LABS.open))?.reachable, { ...WITHIN, what: "the open one" });
  expect((await cli("env", "access", LABS.shut)).stdout).toContain("lets nobody in from outside");
});

test("remotegpu ssh enters both, and ssh itself by the entries of ssh-config", async () => {
  for (const name of Object.values(LABS))
    expect(await inside(name, "echo $((20 + 3)); exit 7")).toMatchObject({ exitCode: 7, stdout: "23" });

  const body = randomBytes(2_000_000);
  await cli("ssh-config", "--write");
  const env = { ...PATH, REMOTEGPU_SERVER: house.url, REMOTEGPU_KEY: house.customerKey };
  const args = ["-F", join(house.folder, ".ssh", "remotegpu_config"), ...identity];
  for (const name of Object.values(LABS)) {
    const done = await execa("ssh", [...args, name, "sha256sum"], { env, input: body });
    expect(done.stdout.split(" ")[0]).toBe(createHash("sha256").update(body).digest("hex"));
  }
});

test("a terminal is open through the gateway and either route of the tunnel", async () => {
  for (const name of Object.values(LABS)) {
    const { page } = await terminal(name);
    page.types("echo it is $((40 + 2)) in $(hostname)\n");
    expect(await page.draws(/it is 42 in /)).toBe(true);
  }
});

test("who is at a terminal stands among the sessions, and is sent away like any other", async () => {
  const { page } = await terminal(LABS.shut);
  const Sessions = z.object({
    items: z.array(
      z.looseObject({
        id: z.int(),
        service_type: z.string(),
        client_address: z.string(),
        login: z.unknown(),
      }),
    ),
  });
  const atTerminals = async () => {
    const { stdout } = await cli("env", "sessions", LABS.shut, "--json");
    const { items } = Sessions.parse(JSON.parse(stdout));
    return items.filter(({ service_type: service }) => service === "terminal");
  };
  const [mine] = await eventually(
    async () => {
      const visible = await atTerminals();
      return visible.length === 1 && visible;
    },
    { ...WITHIN, what: "one session at a terminal" },
  );
  expect(mine).toMatchObject({
    client_address: "127.0.0.1",
    login: { method: "browser", username: "alice" },
  });

  await cli("env", "disconnect", LABS.shut, String(mine?.id));

  expect(await page.end()).toMatchObject({ why: "gone", sentence: `Ended by customer ${house.customerId}.` });
  await eventually(async () => (await atTerminals()).length === 0, { ...WITHIN, what: "its end" });
  const { stdout: reported } = await cli("env", "access-log", LABS.shut, "--service", "terminal");
  expect(reported).toMatch(/terminal +127\.0\.0\.1 +ended: cut\. Ended by customer/);
  expect(reported).toContain("alice, in the browser");
});

test("RDP leads to the host that lets nobody in by a port of this machine, without SSH, until it is ended", async () => {
  await beginQueue();
  const file = join(house.folder, "desk.rdp");
  const route = await eventually(
    async () => {
      const { services } = Access.parse(await house.customer.get(`/environments/${ids.desk ?? ""}/access`));
      const rdp = services.find(({ service }) => service === "rdp");
      return rdp?.reason?.includes("lets nobody in") === true && rdp;
    },
    { ...WITHIN, what: "an answer of xrdp" },
  );
  expect(route.reason).toContain("`remotegpu open ENVIRONMENT rdp` leads there through the gateway");

  const opened = execa(NODE, [commandFile(), "open", "desk", "rdp", "--file", file], {
    env: {
      ...PATH,
      REMOTEGPU_SERVER: house.url,
      REMOTEGPU_KEY: house.customerKey,
      HOME: house.folder,
    },
    extendEnv: false,
    reject: false,
  });
  onTestFinished(() => void opened.kill("SIGKILL"));
  let output = "";
  opened.stderr.on("data", (bytes) => (output += String(bytes)));
  const port = Number(
    await eventually(() => /^127\.0\.0\.1:(\d+) leads there/m.exec(output)?.[1], {
      ...WITHIN,
      what: "a port of this machine",
    }),
  );
  const [first, second] = [await rdpHandshake(port), await rdpHandshake(port)];

  expect([first.isTls, second.fingerprint]).toEqual([true, first.fingerprint]);
  expect(await readFile(file, "utf8")).toContain(`full address:s:127.0.0.1:${port}\r\n`);
  expect(output).toMatch(/^Password for root \(shown this once\): \S+$/m);
  opened.kill("SIGINT");
  expect((await opened).exitCode).toBe(0);
  await expect(rdpHandshake(port)).rejects.toThrow("ECONNREFUSED");
});

/** With RDP and without SSH, on the host that lets nobody in. */
async function beginQueue(): Promise<void> {
  await importXrdpImage();
  if (ids.desk === undefined) await house.admin.post("/images", { name: XRDP_IMAGE });
  const [open] = house.hosts;
  await house.admin.post(`/hosts/${open?.id ?? ""}/cordon`);
  const sized = { cpu: 1, memory: 2 ** 28 };
  const services = { rdp_enabled: true, ssh_enabled: false, web_terminal_enabled: false };
  const order = { name: "desk", image: XRDP_IMAGE, ...sized, ...services };
  ids.desk ??= String((await house.customer.post("/environments", order)).id);
  await eventually(
    async () => (await house.customer.get(`/environments/${ids.desk ?? ""}`)).status === "running",
    { ...WITHIN, what: "a desktop" },
  );
  await house.admin.post(`/hosts/${open?.id ?? ""}/uncordon`);
}

test("an API key that is revoked ends SSH that came through the gateway by it", async () => {
  const made = await house.customer.post("/api-keys", { name: "for a while" });
  const child = execa(NODE, [commandFile(), "ssh", LABS.shut, "--", ...identity, "echo in; cat"], {
    env: { ...PATH, REMOTEGPU_SERVER: house.url, REMOTEGPU_KEY: String(made.key), HOME: house.folder },
    extendEnv: false,
    reject: false,
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child.stdout, "data");

  await house.customer.delete(`/api-keys/${String(made.id)}`);

  expect(await child).toMatchObject({ exitCode: 255, stdout: "in" });
});

test("each gateway alone serves how many requests it has answered", async () => {
  const answered = async (metricsPort: number) => {
    const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
    return [...text.matchAll(/^remotegpu_gateway_requests_total\{.*\} (\d+)$/gm)].map(([, count]) =>
      Number(count),
    );
  };

  const counts = await Promise.all(pair.gateways.map(async ({ metricsPort }) => await answered(metricsPort)));

  expect(counts.map(({ length }) => length)).toEqual([5, 5]);
  expect(counts.flat().some((count) => count > 0)).toBe(true);
});

test("with one gateway killed visits go on through the other, into the host that lets nobody in, too", async () => {
  const [first] = pair.gateways;
  const { page, cookie } = await terminal(LABS.shut);
  const name = await page.tab();
  page.types("kept=yes; echo before-$kept\n");
  expect(await page.draws(/before-yes/)).toBe(true);
  const rowsOf = async (table: string, id: string) => {
    const { rows } = await database.database.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM ${table} WHERE gateway_id = $1`,
      [id],
    );
    return rows[0]?.n ?? 0;
  };

  await first?.program.kill();
  await page.closed;

  const again = (await terminal(LABS.shut, cookie)).page;
  expect(await again.tab()).toBe(name);
  again.types("echo after-$kept\n");
  expect(await again.draws(/after-yes/)).toBe(true);
  for (const lab of Object.values(LABS)) {
    const { stdout, stderr } = await inside(lab, "echo in");
    expect({ lab, stdout, stderr }).toMatchObject({ stdout: "in" });
  }

  // As if a minute had passed in which nobody saw it.
  const { rows } = await database.database.query<{ id: string }>(
    `UPDATE gateways SET seen_at = seen_at - interval '2 minutes'
      WHERE id = (SELECT id FROM gateways ORDER BY started_at LIMIT 1) RETURNING id`,
  );
  const dead = rows[0]?.id ?? "none";
  expect(await rowsOf("gateway_routes", dead)).toBe(2);
  await eventually(async () => (await rowsOf("gateway_routes", dead)) === 0, {
    ...WITHIN,
    what: "its rows' end",
  });
  expect((await inside(LABS.shut, "echo in")).stdout).toBe("in");
});

test("a gateway alone ends in order: with what is open, and its row", async () => {
  const [, second] = pair.gateways;
  const { page } = await terminal(LABS.open);

  await second?.program.stop();

  await page.closed;
  expect(second?.program.output()).toContain('"msg":"ending in order"');
  const { rows } = await database.database.query(
    "SELECT FROM gateways WHERE seen_at > now() - interval '1 minute'",
  );
  expect(rows).toEqual([]);
});

test.each<[string, Record<string, string>, number, string]>([
  ["without the fleet's database", { DATABASE_URL: "" }, 2, "DATABASE_URL"],
  ["that is told not to listen", { REMOTEGPU_GATEWAY_LISTEN: "off" }, 2, "REMOTEGPU_GATEWAY_LISTEN is off"],
  ["without the fleet's keys", { REMOTEGPU_STATE_DIR: "/nowhere" }, 2, "/nowhere/operator.json is not there"],
  ["with half a certificate", { WEB_CERT: "/nowhere/web.pem" }, 1, "WEB_KEY"],
  ["with a domain that is none", { WEB_DOMAIN: "a..b" }, 1, "must be a domain"],
  ["with a certificate that is not there", certificate("/nowhere/web.pem"), 1, "/nowhere/web.pem"],
  ["on a port that is taken", {}, 1, "EADDRINUSE"],
])("a gateway alone %s reports it and ends", async (_what, settings, exitCode, output) => {
  const ended = await begunAs("gateway", settings);

  expect(ended).toMatchObject({ exitCode, stderr: expect.stringContaining(output) });
});

test("a server whose gateway has no port reports it and ends as well", async () => {
  const ended = await begunAs("run", { REMOTEGPU_LISTEN: "127.0.0.1:0" });

  expect(ended).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("EADDRINUSE") });
});

/** With settings that are as they must be, but that its port is taken, and what a test changes of them. */
async function begunAs(verb: string, settings: Record<string, string>) {
  const [, port = ""] = house.url.split("//127.0.0.1:");
  const folder = folderWithOperator(house, `begun-${(begun += 1)}`);
  const env = {
    REMOTEGPU_STATE_DIR: folder,
    DATABASE_URL: database.url,
    WEB_DOMAIN: pair.domain,
    REMOTEGPU_GATEWAY_LISTEN: `127.0.0.1:${port}`,
    REMOTEGPU_TUNNEL_LISTEN: "127.0.0.1:0",
    REMOTEGPU_AGENT_BUNDLE: "0",
    ...settings,
  };
  return await new Program(CONTROL_PLANE, env, join(folder, "log")).command(verb);
}

function certificate(file: string) {
  return { WEB_CERT: file, WEB_KEY: file };
}
