/**
 * The command as people install it, in an empty home, and what real clients do through it: OpenSSH's programs and rsync,
 * an editor that starts its own server inside, many at once, and one that is killed. SSH_TRANSFER_MIB makes files larger.
 */
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { connect, createServer, type AddressInfo } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { bridgeName } from "@remotegpu/agent/runtime/networks/networks";
import { MIB } from "@remotegpu/shared/values/units";
import { installToolbox } from "@remotegpu/agent/toolbox/toolbox";
import { serveIn } from "../support/agent/access.ts";
import { CLOUD_PORT, CloudBeside } from "../support/containers/cloud-beside.ts";
import { docker } from "../support/containers/docker.ts";
import { GREETING_FRAME, SENTENCE, startingScript } from "../support/containers/small-server.ts";
import { type FreshDatabase, freshDatabase } from "../support/engines/postgres.ts";
import { eventually } from "../support/eventually.ts";
import { BUSYBOX_IMAGE } from "../support/samples/desired-instance.ts";
import { greetingThrough } from "../support/socks.ts";
import { NODE } from "../support/suite/commands-node.ts";
import { House } from "../support/worlds/house.ts";
import { freePort } from "../support/engines/free-ports.ts";

const TRANSFER_BYTES = Number(process.env["SSH_TRANSFER_MIB"] ?? 32) * MIB;
const SESSIONS = 50;

let database: FreshDatabase;
let house: House;
let home: string;
/** What ssh reads of the command's own configuration, and which key it takes: it looks for both beside the user's own. */
let options: string[];
let identity: string[];

const ending = new AsyncDisposableStack();
beforeAll(async () => {
  database = ending.adopt(await freshDatabase(), (one) => one.drop());
  house = ending.adopt(await House.open({ hosts: 1, settings: { DATABASE_URL: database.url } }), (one) =>
    one.close(),
  );
  home = join(house.folder, "home");
  mkdirSync(join(home, ".ssh"), { recursive: true });
  const file = join(home, ".ssh", "id_ed25519");
  await execa("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "alice@laptop", "-f", file]);
  identity = ["-i", file, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"];
  options = ["-F", join(home, ".ssh", "remotegpu_config"), ...identity];
  await installRsync();
});
afterAll(() => ending.disposeAsync());

/** The toolbox's own, as the machine may have none. */
async function installRsync(): Promise<void> {
  const toolbox = await installToolbox(house.folder);
  const lib = join(toolbox, "lib");
  mkdirSync(join(home, ".local/bin"), { recursive: true });
  const file = join(home, ".local/bin/rsync");
  const loader = `${join(lib, "ld-linux-x86-64.so.2")} --library-path ${lib}`;
  writeFileSync(file, `#!/bin/sh\nexec ${loader} ${join(toolbox, "bin/rsync")} "$@"\n`, { mode: 0o755 });
}

/** Of the login's agent, while there is one. */
let agentSocket: string | null = null;
const environment = () => ({
  HOME: home,
  ...(agentSocket !== null && { SSH_AUTH_SOCK: agentSocket }),
  PATH: `${join(home, ".local/bin")}:${join(NODE, "..")}:${process.env["PATH"] ?? ""}`,
});
const SETTINGS = {
  extendEnv: false,
  reject: false,
  timeout: 120_000,
  maxBuffer: 2 * TRANSFER_BYTES,
} as const;
const started = (program: string, args: readonly string[], input: string | Buffer = "") =>
  execa(program, args, { ...SETTINGS, env: environment(), cwd: home, input });
/** One whose input stays open, until its test ends at the latest. */
function held(program: string, args: readonly string[]) {
  const client = execa(program, args, { ...SETTINGS, env: environment(), cwd: home });
  onTestFinished(() => void client.kill("SIGKILL"));
  return client;
}
/** The installed command. */
const remotegpu = (...args: string[]) => started("remotegpu", args);
/** OpenSSH itself, by the entries that the command wrote. */
const ssh = (args: readonly string[], input: string | Buffer = "") =>
  started("ssh", [...options, ...args], input);

test("the lines that the server prints install the command in an empty home and log in", async () => {
  const { stdout: lines } = await execa("curl", ["-fsS", `${house.url}/cli`]);

  const done = await started("sh", ["-ec", lines], `${house.customerKey}\n`);

  expect(done).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("Logged in as alice.") });
  expect((await remotegpu("whoami")).stdout).toMatch(/^username +alice$/m);
  expect(statSync(join(home, ".local/bin/remotegpu")).size).toBeGreaterThan(100_000);
});

test("a key is added, and an environment is entered as soon as it runs", async () => {
  expect(await remotegpu("ssh-key", "add", join(home, ".ssh/id_ed25519.pub"))).toMatchObject({ exitCode: 0 });
  await remotegpu("env", "create", "lab", "--image", BUSYBOX_IMAGE, "--memory", "1G");

  const done = await remotegpu("ssh", "lab", "--", ...identity, "echo $((20 + 3)); exit 7");

  expect(done).toMatchObject({ exitCode: 7, stdout: "23" });
  expect((await remotegpu("ssh-key", "list")).stdout).toMatch(/ alice@laptop +SHA256:\S+/);
});

test("its entry for ssh is written, and an editor is opened by a link to it", async () => {
  const opened = join(home, "opened");
  writeFileSync(join(home, ".local/bin/xdg-open"), `#!/bin/sh\nprintf %s "$1" >${opened}\n`, { mode: 0o755 });
  const link = "vscode://vscode-remote/ssh-remote+lab/gemini/code";

  const reported = await remotegpu("env", "open", "lab", "--vscode");
  const visible = await started("env", ["DISPLAY=:9", "remotegpu", "env", "open", "lab", "--vscode"]);

  expect(reported.stdout).toBe(`${link}\nOpen it where VS Code is; there is no screen here.`);
  expect(visible.stdout).toBe(link);
  const text = () => existsSync(opened) && readFileSync(opened, "utf8");
  expect(await eventually(text, { what: "the link that was opened" })).toBe(link);
  expect(readFileSync(join(home, ".ssh/config"), "utf8")).toMatch(/^Include remotegpu_config\n/);
  expect((await ssh(["lab", "hostname"])).exitCode).toBe(0);
});

describe("files", () => {
  test(`of ${TRANSFER_BYTES / MIB} MiB are the same there and back`, async () => {
    const bytes = randomBytes(TRANSFER_BYTES);
    const hash = createHash("sha256").update(bytes).digest("hex");

    const there = await ssh(["lab", "cat >/gemini/code/large && sha256sum /gemini/code/large"], bytes);
    const back = await execa("ssh", [...options, "lab", "cat /gemini/code/large"], {
      env: environment(),
      encoding: "buffer",
      // One file of 256 ends with a line feed, which would be taken off.
      stripFinalNewline: false,
      maxBuffer: 2 * TRANSFER_BYTES,
    });

    expect(there.stdout.split(" ")[0]).toBe(hash);
    expect(createHash("sha256").update(back.stdout).digest("hex")).toBe(hash);
    await ssh(["lab", "rm /gemini/code/large"]);
  });

  test("go there by scp and come back", async () => {
    const file = join(home, "model.bin");
    writeFileSync(file, randomBytes(MIB));

    expect(await remotegpu("scp", "--", ...identity, file, "lab:/gemini/code/")).toMatchObject({
      exitCode: 0,
    });
    expect(
      await remotegpu("scp", "--", ...identity, "lab:/gemini/code/model.bin", `${file}.back`),
    ).toMatchObject({ exitCode: 0 });
    expect(readFileSync(`${file}.back`).equals(readFileSync(file))).toBe(true);
  });

  test("go there by rsync, which a second time transfers nothing", async () => {
    mkdirSync(join(home, "code/deep"), { recursive: true });
    for (let at = 0; at < 10; at += 1) writeFileSync(join(home, `code/deep/${at}`), randomBytes(10_000));
    // rsync is given its remote shell by the command, and OpenSSH its key by the agent of this login.
    const sync = () =>
      withAgent(() => remotegpu("rsync", "--", "-a", "--stats", `${home}/code/`, "lab:/gemini/code/"));

    const [first, second] = [await sync(), await sync()];

    expect(first.stdout).toMatch(/regular files transferred: 10$/m);
    expect(second.stdout).toMatch(/regular files transferred: 0$/m);
    expect(second.stdout).toMatch(/Literal data: 0 bytes/);
  });
});

describe("an editor", () => {
  test("starts its server by a script, goes, comes back by -D, and speaks HTTP and a WebSocket with it", async () => {
    const script = await ssh(["-T", "lab", "sh"], startingScript(9_100));
    expect(script).toMatchObject({ exitCode: 0, stdout: "listeningOn==9100==" });
    const socks = await freePort();
    void held("ssh", [...options, "-T", "-N", "-D", `127.0.0.1:${socks}`, "lab"]);
    const curl = (...args: string[]) =>
      execa(
        "curl",
        [
          "-sS",
          "--max-time",
          "10",
          "--socks5-hostname",
          `127.0.0.1:${socks}`,
          ...args,
          "http://localhost:9100/",
        ],
        { reject: false, encoding: "buffer" },
      );

    const page = await eventually(
      async () => {
        const { exitCode, stdout } = await curl();
        return exitCode === 0 && Buffer.from(stdout).toString();
      },
      { what: "the server's page" },
    );
    const key = randomBytes(16).toString("base64");
    const upgrade = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"];
    const headers = [...upgrade, `Sec-WebSocket-Key: ${key}`].flatMap((header) => ["-H", header]);
    const socket = Buffer.from((await curl("-i", "--http1.1", "-N", ...headers)).stdout);

    expect(page).toBe(SENTENCE);
    const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
    expect(socket.toString("latin1")).toMatch(/^HTTP\/1\.1 101 /);
    expect(socket.toString("latin1")).toContain(`Sec-WebSocket-Accept: ${accept}\r\n`);
    expect(socket.subarray(-GREETING_FRAME.length)).toEqual(GREETING_FRAME);
  });
});

describe("ports", () => {
  test("inside are reached by -W on standard streams, and over a connection that others share", async () => {
    const control = join(home, "control");
    const shared = ["-o", "ControlMaster=auto", "-o", `ControlPath=${control}`, "-o", "ControlPersist=60"];

    const over = await ssh([...shared, "-W", "127.0.0.1:9100", "lab"], "GET / HTTP/1.0\r\n\r\n");
    const checked = await ssh(["-S", control, "-O", "check", "lab"]);
    const second = await ssh(["-S", control, "-o", "ProxyCommand=false", "lab", "echo shared"]);
    await ssh(["-S", control, "-O", "exit", "lab"]);

    expect(over.stdout).toContain(SENTENCE);
    expect(checked.stderr).toContain("Master running");
    expect(second).toMatchObject({ exitCode: 0, stdout: "shared" });
  });

  test("of the client are reached from inside by -R", async () => {
    const service = createServer((socket) => socket.end("at home\n")).listen(0, "127.0.0.1");
    await once(service, "listening");
    onTestFinished(() => void service.close());
    const { port } = service.address() as AddressInfo;

    const output = await ssh(["-R", `8022:127.0.0.1:${port}`, "lab", "nc 127.0.0.1 8022 </dev/null"]);

    expect(output.stdout).toBe("at home");
  });

  test("lead by -A to the agent of this login, with its keys, through a socket inside", async () => {
    const local = join(home, "agent");
    await withAgent(async () => {
      void held("ssh", [...options, "-A", "lab", "echo $SSH_AUTH_SOCK >/tmp/where; cat"]);
      const where = await eventually(async () => (await ssh(["lab", "cat /tmp/where"])).stdout || false);
      void held("ssh", [...options, "-N", "-L", `${local}:${where}`, "lab"]);
      await eventually(() => existsSync(local), { what: "the socket here" });

      const { stdout } = await execa("ssh-add", ["-l"], { env: { SSH_AUTH_SOCK: local } });

      expect(stdout).toMatch(/ alice@laptop \(ED25519\)$/);
    });
  });
});

describe("who forwards ports of an environment", () => {
  /** What this machine serves on all of its addresses, as a control plane, NATS or a database of its own would. */
  const ofThisMachine = createServer((socket) =>
    socket.on("error", () => undefined).end("of this machine\n"),
  );
  let hostPort: number;
  let socks: number;
  let cloud: CloudBeside;
  let own: Network;
  let neighbours: Network;
  /** Of a neighbour, in its container, on all of its addresses. */
  const NEIGHBOURS_PORT = 7_000;

  beforeAll(async () => {
    ofThisMachine.listen(0, "0.0.0.0");
    await once(ofThisMachine, "listening");
    ending.defer(() => void ofThisMachine.close());
    hostPort = (ofThisMachine.address() as AddressInfo).port;
    await orderOfNeighbour();
    const address = (await ssh(["lab", "hostname -i"])).stdout;
    for (const network of await networks()) if (network.address === address) own = network;
    for (const network of await networks()) if (network.address !== address) neighbours = network;
    const service = await serveIn({ pid: neighbours.pid, port: NEIGHBOURS_PORT, address: "0.0.0.0" });
    ending.defer(() => void service.kill("SIGKILL"));
    cloud = ending.adopt(await CloudBeside.begin(own.bridge), (one) => one.end());
    socks = await freePort();
    const proxy = execa("ssh", [...options, "-N", "-D", `127.0.0.1:${socks}`, "lab"], {
      ...SETTINGS,
      timeout: 0,
      env: environment(),
      cwd: home,
    });
    ending.defer(() => void proxy.kill("SIGKILL"));
    await eventually(async () => (await greetingThrough(socks, { host: "127.0.0.1", port: 2_022 })) !== "", {
      what: "the proxy of ssh -D",
    });
  });

  /** All ways by which a container could come to what its host serves, and to ports of other processes of ours there. */
  function ofTheHost(): { host: string; port: number }[] {
    const addresses = Object.values(networkInterfaces())
      .flatMap((of) => of ?? [])
      .filter(({ family, internal }) => family === "IPv4" && !internal)
      .map(({ address }) => address);
    return [own.gateway, neighbours.gateway, ...addresses].map((host) => ({ host, port: hostPort }));
  }

  test("by -D reaches the services of its own container, and what is public", async () => {
    const [ofOwn, ofPublic] = await Promise.all([
      greetingThrough(socks, { host: "127.0.0.1", port: 9_100 }),
      greetingThrough(socks, { host: cloud.publicAddress, port: CLOUD_PORT }),
    ]);

    expect(ofOwn).toContain(SENTENCE);
    expect(ofPublic).toMatch(/^hello\n/);
  });

  test("by -D reaches no service of its host, by whatever address, and none of its loopback", async () => {
    const targets = ofTheHost();
    const leased = (await sshPort()) ?? 0;
    const here = await Promise.all(targets.map(({ host, port }) => printedHere(host, port)));
    // That it is refused is worth something only where this machine itself comes to each of them.
    expect(here).toEqual(targets.map(() => "of this machine\n"));
    expect(await printedHere("127.0.0.1", leased)).toMatch(/^SSH-2\.0-/);

    const api = Number(new URL(house.url).port);
    const inside = [hostPort, api, leased].map((port) => ({ host: "127.0.0.1", port }));
    const ports = targets.map(({ host }) => ({ host, port: leased }));
    const tried = [...targets, ...inside, ...ports];
    const output = await Promise.all(tried.map((target) => greetingThrough(socks, target)));

    // Bridges of other tests come and go: an address that has left this machine meanwhile is one of the world outside.
    const stays = new Set(["127.0.0.1", ...ofTheHost().map(({ host }) => host)]);
    expect(stays).toContain(own.gateway);
    expect(tried.filter(({ host }, at) => output[at] !== "" && stays.has(host))).toEqual([]);
  });

  test("by -D reaches no metadata of a cloud, and nothing of another workspace", async () => {
    expect(await printedHere(neighbours.address, NEIGHBOURS_PORT)).toMatch(/^hello\n/);
    const tried = [
      ...cloud.metadataAddresses.map((host) => ({ host, port: CLOUD_PORT })),
      { host: neighbours.address, port: NEIGHBOURS_PORT },
      { host: neighbours.gateway, port: NEIGHBOURS_PORT },
    ];

    const output = await Promise.all(tried.map((target) => greetingThrough(socks, target)));

    expect(output).toEqual(tried.map(() => ""));
  });

  test("by -W and -L comes no further, and by -R opens nothing but a port of its own loopback", async () => {
    const local = await freePort();
    void held("ssh", [...options, "-N", "-L", `${local}:${own.gateway}:${hostPort}`, "lab"]);
    const shared = ["-o", "ExitOnForwardFailure=yes", "-R", `0.0.0.0:8023:127.0.0.1:${hostPort}`];
    const listening = "nc 127.0.0.1 8023 </dev/null; nc -w 1 $(hostname -i) 8023 </dev/null || echo shut";

    const [byW, byR] = await Promise.all([
      // What is dropped is tried for minutes: whoever hears nothing for so long is not answered.
      started(
        "timeout",
        ["4", "ssh", ...options, "-W", `${own.gateway}:${hostPort}`, "lab"],
        "GET / HTTP/1.0\r\n\r\n",
      ),
      ssh([...shared, "lab", listening]),
    ]);
    const byL = await eventually(
      async () => {
        const output = await printedHere("127.0.0.1", local);
        return output === null ? undefined : { output };
      },
      { what: "the port of -L" },
    );

    expect(byW.stdout).toBe("");
    expect(byR.stdout).toBe("of this machine\nshut");
    expect(byL).toEqual({ output: "" });
  });
});

test(`${SESSIONS} sessions at once are all served, each with its own words`, async () => {
  const sessions = Array.from({ length: SESSIONS }, (_, at) => {
    const session = held("ssh", [...options, "lab", `echo in ${at}; cat`]);
    let output = "";
    session.stdout.on("data", (chunk: Buffer) => (output += String(chunk)));
    return { session, output: () => output };
  });
  const areIn = () => sessions.every(({ output }, at) => output() === `in ${at}\n`);
  await eventually(areIn, { withinMs: 60_000, what: `${SESSIONS} sessions` });

  const ends = await Promise.all(
    sessions.map(async ({ session }, at) => {
      session.stdin.end(`out ${at}\n`);
      return (await session).stdout;
    }),
  );

  expect(ends).toEqual(sessions.map((_, at) => `in ${at}\nout ${at}`));
});

test("of a client that is killed no process stays inside", async () => {
  const session = held("remotegpu", ["ssh", "lab", "--", ...identity, "sleep 4711"]);
  const sleepers = async () => (await ssh(["lab", "ps | grep -c '[s]leep 4711'; true"])).stdout;
  await eventually(async () => Number(await sleepers()) > 0, { what: "the session" });
  const { pid } = session;
  const [client] = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ");

  process.kill(Number(client), "SIGKILL");

  await eventually(async () => (await sleepers()) === "0", { what: "the end of what it ran" });
  expect((await session).exitCode).toBe(128 + 9);
});

type Network = { pid: number; address: string; gateway: string; bridge: string };

/** Where the containers of the only host are on this machine's networks. */
async function networks(): Promise<Network[]> {
  const containers = await house.containersOf(house.hosts[0]?.id ?? "");
  return Promise.all(
    containers.map(async ({ id, pid }) => {
      const { NetworkSettings } = await docker.getContainer(id).inspect();
      const [name = ""] = Object.keys(NetworkSettings.Networks);
      const { IPAddress: address = "", Gateway: gateway = "" } = NetworkSettings.Networks[name] ?? {};
      return { pid, address, gateway, bridge: bridgeName(name) };
    }),
  );
}

/** Another customer has an environment on the same host, and it runs. */
async function orderOfNeighbour(): Promise<void> {
  const customer = await house.admin.post("/customers", { username: "bob", email: "bob@example.com" });
  const id = String(customer.id);
  await house.admin.put(`/customers/${id}/quota`, {
    quota_level: "custom",
    cpu_quota: 8,
    memory_quota: 8_192,
    gpu_quota: 0,
    storage_quota: 2 ** 40,
    environment_quota: 2,
  });
  await house.admin.post(`/customers/${id}/top-ups`, { amount: "100" });
  const { key } = await house.admin.post(`/customers/${id}/api-keys`, { name: "test" });
  const bob = house.client(String(key));
  const den = await bob.post("/environments", {
    name: "den",
    image: BUSYBOX_IMAGE,
    cpu: 1,
    memory: MIB * 256,
  });
  await eventually(async () => (await bob.get(`/environments/${String(den.id)}`)).status === "running", {
    withinMs: 60_000,
    what: "the neighbour's environment",
  });
}

/** The leased port of SSH, on this machine. */
async function sshPort(): Promise<number | null> {
  const [lab] = await house.customer.rows("/environments");
  const { services } = z
    .looseObject({ services: z.array(z.looseObject({ service: z.string(), port: z.int().nullish() })) })
    .parse(await house.customer.get(`/environments/${String(lab?.id)}/access`));
  return services.find(({ service }) => service === "ssh")?.port ?? null;
}

/** What somebody at this address says to this machine first, empty where nothing comes in time; null: nobody listens. */
async function printedHere(host: string, port: number): Promise<string | null> {
  const output = Promise.withResolvers<string | null>();
  const socket = connect({ host, port, timeout: 3_000 });
  let isOpen = false;
  socket.on("connect", () => (isOpen = true)).on("data", (bytes) => output.resolve(String(bytes)));
  socket.on("error", () => socket.destroy()).on("timeout", () => output.resolve(""));
  socket.on("close", () => output.resolve(isOpen ? "" : null));
  try {
    return await output.promise;
  } finally {
    socket.destroy();
  }
}

/** With an agent that holds the key, as a login has one. */
async function withAgent<Done>(work: () => Promise<Done>): Promise<Done> {
  const { stdout } = await execa("ssh-agent", ["-s"]);
  const [, socket = ""] = /SSH_AUTH_SOCK=([^;]+)/.exec(stdout) ?? [];
  const [, pid = ""] = /SSH_AGENT_PID=(\d+)/.exec(stdout) ?? [];
  try {
    agentSocket = socket;
    await execa("ssh-add", ["-q", join(home, ".ssh/id_ed25519")], { env: { SSH_AUTH_SOCK: socket } });
    return await work();
  } finally {
    agentSocket = null;
    process.kill(Number(pid));
  }
}
