/**
 * SSH into an environment through its leased port, beside `docker exec` into the same container in the same moments:
 * bytes out and in, how long a command takes, and the echo of a terminal; bytes through the gateway beside those through
 * the leased port; then what sshd and each session take of memory, and how long the command of one file takes. `--rows` says how many MiB are carried.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { execa } from "execa";
import { z } from "zod";
import { LABEL } from "@remotegpu/agent/core/container/container";
import { MIB, MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { importBusyboxImage } from "../support/containers/docker.ts";
import { commandFile } from "../support/suite/command-file.ts";
import { House } from "../support/worlds/house.ts";
import { measureCommand } from "./command.ts";
import { headLine, type Pair, ratioLine, valuesLine } from "./comparison.ts";
import { memoryOf } from "./container-memory.ts";
import { dockerTerminal, echoOf } from "./terminal-echo.ts";
import { freePort } from "../support/engines/free-ports.ts";

const ROUNDS = 5;
const TRANSFER_MIB = 512;
const CONNECTS = 20;
const KEYSTROKES = 300;
const SESSIONS = 10;
const SETTLE_MS = 1_000;
const FILE = "/gemini/code/large";
const CIPHERS = { "its own choice of cipher": [], "AES-GCM": ["-c", "aes128-gcm@openssh.com"] };

const Environment = z.looseObject({ instances: z.array(z.looseObject({ id: z.string() })) });
type Scene = {
  house: House;
  id: string;
  ssh: string[];
  containerId: string;
  mib: number;
  large: string;
};

export async function measureSsh(
  print: (line: string) => void,
  ending: AsyncDisposableStack,
  { rows }: { rows: number | undefined },
): Promise<void> {
  const scene = await open(ending, rows ?? TRANSFER_MIB);
  await reportTransfers(print, scene);
  print("");
  await reportGateway(print, scene);
  print("");
  await reportConnects(print, scene);
  print("");
  await reportEcho(print, scene);
  print("");
  await reportMemory(print, scene);
  print("");
  await measureCommand(print, ending);
}

/** An environment that is entered by a key, with a file to read in it. */
async function open(ending: AsyncDisposableStack, mib: number): Promise<Scene> {
  const web = `localhost:${await freePort()}`;
  const settings = { WEB_DOMAIN: web, REMOTEGPU_GATEWAY_LISTEN: web.replace("localhost", "127.0.0.1") };
  const house = ending.adopt(await House.open({ hosts: 1, settings }), (one) => one.close());
  const folder = join(house.folder, ".ssh");
  mkdirSync(folder);
  const key = join(folder, "id_ed25519");
  await execa("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key]);
  await ours(house, "ssh-key", "add", `${key}.pub`, "--name", "bench");
  const id = await ordered(house, "lab");
  const ssh = ["-F", join(folder, "remotegpu_config"), "-i", key, "-o", "BatchMode=yes"];
  await ours(house, "env", "open", "lab", "--print");
  const large = join(house.folder, "large");
  await writeFile(
    large,
    Buffer.alloc(mib * MIB, "incompressible, more or less, since nobody asks for compression"),
  );
  await execa("ssh", [...ssh, "lab", `cat >${FILE}`], { inputFile: large });
  return { house, id, ssh, containerId: await containerOf(house, id), mib, large };
}

async function ours(house: House, ...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await house.cli(args, { PATH: process.env["PATH"] ?? "" });
  if (exitCode !== 0) throw new Error(`remotegpu ${args.join(" ")}: ${stderr}`);
  return stdout;
}

async function ordered(house: House, name: string): Promise<string> {
  const image = await importBusyboxImage();
  await ours(house, "env", "create", name, "--image", image, "--memory", "512M", "--wait");
  const [made] = await house.customer.rows("/environments", { name });
  return String(made?.id);
}

async function containerOf(house: House, environmentId: string): Promise<string> {
  const { instances } = Environment.parse(await house.customer.get(`/environments/${environmentId}`));
  const filter = `label=${LABEL.instance}=${instances[0]?.id}`;
  const { stdout } = await execa("docker", ["ps", "--quiet", "--no-trunc", "--filter", filter]);
  if (!/^[0-9a-f]{64}$/.test(stdout)) throw new Error(`no one container of ${environmentId} on ${house.url}`);
  return stdout;
}

async function reportTransfers(print: (line: string) => void, scene: Scene): Promise<void> {
  const { ssh, containerId, mib, large } = scene;
  const routes = Object.entries(CIPHERS).flatMap(([cipher, options]) => [
    {
      what: `out, with ${cipher}`,
      ours: () => rateOf("ssh", [...ssh, ...options, "lab", `cat ${FILE}`], { from: "/dev/null", mib }),
      bare: () => rateOf("docker", ["exec", containerId, "cat", FILE], { from: "/dev/null", mib }),
    },
    {
      what: `in, with ${cipher}`,
      ours: () => rateOf("ssh", [...ssh, ...options, "lab", "cat >/dev/null"], { from: large, mib }),
      bare: () =>
        rateOf("docker", ["exec", "-i", containerId, "sh", "-c", "cat >/dev/null"], { from: large, mib }),
    },
  ]);
  print(headLine(`${mib} MiB to \`docker exec cat\`, MiB/s (${ROUNDS} rounds; more is faster)`));
  for (const { what, ours: measure, bare } of routes) {
    const pairs: Pair[] = [];
    while (pairs.length < ROUNDS) pairs.push({ ours: await measure(), bare: await bare() });
    print(ratioLine(what, pairs));
    reportValues(print, pairs, { unit: "MiB" });
  }
}

/** As `remotegpu ssh --through-gateway` does it: a WebSocket to the gateway, and its tunnel to the host. */
async function reportGateway(print: (line: string) => void, scene: Scene): Promise<void> {
  const { house, id, ssh, mib, large } = scene;
  const key = `REMOTEGPU_SERVER=${house.url} REMOTEGPU_KEY=${house.customerKey} HOME=${house.folder}`;
  const proxy = `ProxyCommand=env ${key} ${process.execPath} ${commandFile()} ssh-proxy ${id}`;
  const routes = { gateway: [...ssh, "-o", proxy], port: ssh };
  const measures = {
    out: (route: string[]) => rateOf("ssh", [...route, "lab", `cat ${FILE}`], { from: "/dev/null", mib }),
    in: (route: string[]) => rateOf("ssh", [...route, "lab", "cat >/dev/null"], { from: large, mib }),
  };
  print(headLine(`${mib} MiB by SSH through the gateway, to the leased port, MiB/s (${ROUNDS} rounds)`));
  for (const [what, measure] of Object.entries(measures)) {
    const pairs: Pair[] = [];
    while (pairs.length < ROUNDS)
      pairs.push({ ours: await measure(routes.gateway), bare: await measure(routes.port) });
    print(ratioLine(what, pairs));
    reportValues(print, pairs, { ours: "through the gateway", bare: "through the leased port", unit: "MiB" });
  }
}

/** MiB a second; what comes is dropped. */
async function rateOf(
  program: string,
  args: readonly string[],
  { from, mib }: { from: string; mib: number },
): Promise<number> {
  const [input, nowhere] = [openSync(from, "r"), openSync("/dev/null", "w")];
  try {
    const beganMs = performance.now();
    const [code] = (await once(spawn(program, args, { stdio: [input, nowhere, "inherit"] }), "exit")) as [
      number,
    ];
    if (code !== 0) throw new Error(`${program} ${args.join(" ")} ended with ${code}`);
    return (mib * MS_PER_SECOND) / (performance.now() - beganMs);
  } finally {
    closeSync(input);
    closeSync(nowhere);
  }
}

async function reportConnects(print: (line: string) => void, { ssh, containerId }: Scene): Promise<void> {
  const pairs: Pair[] = [];
  while (pairs.length < CONNECTS)
    pairs.push({
      ours: await tookMs("ssh", [...ssh, "lab", "true"]),
      bare: await tookMs("docker", ["exec", containerId, "true"]),
    });
  print(headLine(`Connect, \`true\` and the end (${CONNECTS} rounds)`));
  print(ratioLine("ssh to `docker exec` (aim: 1.40)", pairs));
  reportValues(print, pairs, { unit: "ms" });
}

async function tookMs(program: string, args: readonly string[]): Promise<number> {
  const beganMs = performance.now();
  await execa(program, args, { stdin: "ignore" });
  return performance.now() - beganMs;
}

/** OpenSSH's client sends keystrokes in a rhythm of 20 ms, so that nobody reads a text in their times. */
const RHYTHMS = { "as the client is": [], "without its rhythm": ["-o", "ObscureKeystrokeTiming=no"] };

async function reportEcho(print: (line: string) => void, { ssh, containerId }: Scene): Promise<void> {
  print(headLine(`A keystroke's echo at a terminal (${ROUNDS} rounds of ${KEYSTROKES})`));
  const terminal = await dockerTerminal(containerId);
  for (const [what, options] of Object.entries(RHYTHMS)) {
    const args = [...ssh, ...options, "-tt", "lab", "cat"];
    const session = execa("ssh", args, { reject: false, buffer: false });
    await delay(SETTLE_MS);
    const echoes = [];
    for (let round = 0; round < ROUNDS; round += 1)
      echoes.push({
        ours: await echoOf({ input: session.stdin, output: session.stdout }, KEYSTROKES),
        bare: await echoOf({ input: terminal, output: terminal }, KEYSTROKES),
      });
    session.kill();
    await session;
    for (const share of ["p50", "p99"] as const) {
      const pairs = echoes.map((one) => ({ ours: one.ours[share], bare: one.bare[share] }));
      print(ratioLine(`${share} ${what}, to \`docker exec -it\``, pairs));
      reportValues(print, pairs, { unit: "ms" });
    }
  }
  terminal.destroy();
}

async function reportMemory(
  print: (line: string) => void,
  { house, ssh, containerId }: Scene,
): Promise<void> {
  const idle = await memoryOf(containerId);
  const clients = Array.from({ length: SESSIONS }, () =>
    execa("ssh", [...ssh, "lab", "echo in; cat"], { reject: false, buffer: false }),
  );
  await Promise.all(clients.map(({ stdout }) => once(stdout, "data")));
  const busy = await memoryOf(containerId);
  for (const client of clients) client.kill();
  await Promise.all(clients);
  const without = await containerOf(house, await orderedWithout(house));
  print(headLine("Memory of an environment's processes, shared pages in parts"));
  print(valuesLine("with sshd, idle (aim: 12 MiB)", [idle], "MiB"));
  print(valuesLine("without SSH", [await memoryOf(without)], "MiB"));
  print(valuesLine(`each of ${SESSIONS} sessions with a command`, [(busy - idle) / SESSIONS], "MiB"));
}

async function orderedWithout(house: House): Promise<string> {
  const id = await ordered(house, "plain");
  await ours(house, "env", "update", id, "--ssh", "off", "--web-terminal", "off");
  await ours(house, "env", "restart", id, "--wait");
  return id;
}

function reportValues(
  print: (line: string) => void,
  pairs: readonly Pair[],
  reported: { ours?: string; bare?: string; unit: "ms" | "MiB" },
): void {
  const { ours: ofOurs = "ours", bare: ofBare = "docker exec", unit } = reported;
  print(
    valuesLine(
      `  ${ofOurs}`,
      pairs.map((pair) => pair.ours),
      unit,
    ),
  );
  print(
    valuesLine(
      `  ${ofBare}`,
      pairs.map((pair) => pair.bare),
      unit,
    ),
  );
}
