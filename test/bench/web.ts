/**
 * A bare web server of Node through the gateway and the tunnel, beside the same behind Debian's nginx as a plain proxy, in
 * turns: answers a second and the CPU time of each, the slowest of a hundred at a fixed rate, 100 MiB both ways, and the
 * memory of WebSockets that say nothing. The gateway runs in this process, with the API of its scene; nginx has two
 * workers; clients have a process.
 */
import { fork, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { freePort } from "@remotegpu/control-plane/embedded/ports";
import { eventually } from "../support/eventually.ts";
import { openWebScene, SERVICE_PORT } from "../support/worlds/web-scene.ts";
import { sceneDatabase } from "./bench-database.ts";
import { UNBOUND_WEB } from "./unbound-web.ts";
import { headLine, type Pair, ratioLine, valuesLine } from "./comparison.ts";
import type { Wish } from "./web-clients.ts";

const ROUNDS = 5;
const CLIENTS = 16;
const EACH_MS = 2_000;
const PACED_PER_SECOND = 300;
const SOCKETS = 1_000;
const MIB = 1_048_576;
const BODY = 100 * MIB;
const CLIENTS_SCRIPT = new URL("web-clients.ts", import.meta.url).pathname;
const SERVICE = new URL("../fixtures/web-service.ts", import.meta.url).pathname;

type Way = { port: number; headers: string };

export async function measureWeb(say: (line: string) => void, ending: AsyncDisposableStack): Promise<void> {
  const scene = ending.adopt(
    await openWebScene({ limits: UNBOUND_WEB }, await sceneDatabase(ending)),
    (one) => one.close(),
  );
  const ours: Way = {
    port: scene.gateway.port,
    headers: `Host: ${scene.hostOf(SERVICE_PORT)}\r\nX-Api-Key: ${scene.owner.key}\r\n`,
  };
  const bare: Way = {
    port: await nginxBefore(await bareService(ending), ending),
    headers: "Host: localhost\r\n",
  };
  const clients = fork(CLIENTS_SCRIPT);
  ending.defer(() => void clients.kill("SIGKILL"));
  const asked = async (wish: Wish): Promise<unknown> => {
    clients.send(wish);
    const [told] = (await once(clients, "message")) as [unknown];
    return told;
  };
  const head = ({ headers }: Way, path: string, more = "") => `GET ${path} HTTP/1.1\r\n${headers}${more}\r\n`;
  const rate = async (way: Way) =>
    Number(
      await asked({ what: "rate", clients: CLIENTS, ms: EACH_MS, port: way.port, head: head(way, "/say") }),
    );
  const cpuOfEach = async (way: Way) => {
    const beganMs = performance.now();
    const [here, there] = [process.cpuUsage(), cpuMsOf(scene.access.relayPid)];
    const perSecond = await rate(way);
    const answers = (perSecond * (performance.now() - beganMs)) / 1_000;
    const { user, system } = process.cpuUsage(here);
    return {
      perSecond,
      gatewayUs: (user + system) / answers,
      relayUs: ((cpuMsOf(scene.access.relayPid) - there) * 1_000) / answers,
    };
  };
  const slowest = async (way: Way) => {
    const wish = { what: "paced", perSecond: PACED_PER_SECOND, ms: EACH_MS } as const;
    const took = (await asked({ ...wish, port: way.port, head: head(way, "/say") })) as number[];
    return took.toSorted((a, b) => a - b)[Math.floor(took.length * 0.99)] ?? 0;
  };
  const down = async (way: Way) => {
    const path = `/bytes?n=${BODY}`;
    const wish = { what: "bytes", port: way.port, head: head(way, path, "Connection: close\r\n") } as const;
    return Number(await asked(wish)) / MIB;
  };
  const up = async (way: Way) => {
    const line = `POST /swallow HTTP/1.1\r\n${way.headers}Content-Length: ${BODY}\r\nConnection: close\r\n\r\n`;
    const wish = { what: "upload", port: way.port, head: line, bytes: BODY } as const;
    return Number(await asked(wish)) / MIB;
  };
  const inTurns = async (measure: (way: Way) => Promise<number>): Promise<Pair[]> => {
    await measure(ours);
    await measure(bare);
    const pairs: Pair[] = [];
    for (let round = 0; round < ROUNDS; round += 1)
      pairs.push({ ours: await measure(ours), bare: await measure(bare) });
    return pairs;
  };

  say(headLine(`A bare web server, through the gateway beside nginx (${ROUNDS} rounds)`));
  const tell = (what: string, values: readonly number[], unit: "/s" | "ms" | "MiB" | "µs") =>
    say(valuesLine(what, values, unit));
  const tellPair = (pairs: readonly Pair[], unit: "/s" | "ms" | "MiB") => {
    tell(
      "  through the gateway",
      pairs.map((pair) => pair.ours),
      unit,
    );
    tell(
      "  through nginx",
      pairs.map((pair) => pair.bare),
      unit,
    );
  };
  const costs: Awaited<ReturnType<typeof cpuOfEach>>[] = [];
  const rates = await inTurns(async (way) => {
    if (way === bare) return await rate(way);
    const cost = await cpuOfEach(way);
    costs.push(cost);
    return cost.perSecond;
  });
  say(ratioLine(`answers, ${CLIENTS} clients (aim: 0.30)`, rates));
  tellPair(rates, "/s");
  tell(
    "  CPU time of the gateway for each",
    costs.slice(1).map(({ gatewayUs }) => gatewayUs),
    "µs",
  );
  tell(
    "  CPU time of the host's relay for each",
    costs.slice(1).map(({ relayUs }) => relayUs),
    "µs",
  );
  const slow = await inTurns(slowest);
  tell(
    `p99 at ${PACED_PER_SECOND} a second, more than nginx's (aim: 1 ms)`,
    slow.map((pair) => pair.ours - pair.bare),
    "ms",
  );
  tellPair(slow, "ms");
  const ways = [
    ["down", down],
    ["up", up],
  ] as const;
  for (const [what, measure] of ways) {
    const larges = await inTurns(measure);
    say(ratioLine(`100 MiB ${what}${what === "down" ? " (aim: 0.50)" : ""}`, larges));
    tellPair(larges, "MiB");
  }
  collectGarbage();
  const before = process.memoryUsage().rss;
  const upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
  await asked({ what: "sockets", count: SOCKETS, port: ours.port, head: head(ours, "/ws", upgrade) });
  collectGarbage();
  say(
    valuesLine(`memory of ${SOCKETS} idle WebSockets`, [(process.memoryUsage().rss - before) / MIB], "MiB"),
  );
}

/** Else what was held by others meanwhile stands for what is held now. */
function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  if (typeof collect === "function") collect();
}

/** What a process has computed, all its threads together. */
function cpuMsOf(pid: number): number {
  const tasks = readdirSync(`/proc/${pid}/task`);
  const nanoseconds = tasks.map((task) =>
    Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8").split(" ")[0]),
  );
  return nanoseconds.reduce((sum, one) => sum + one, 0) / 1e6;
}

/** On this machine itself. Answers its port. */
async function bareService(ending: AsyncDisposableStack): Promise<number> {
  const port = await freePort("127.0.0.1", null);
  const service = spawn(process.execPath, [SERVICE, String(port)], { stdio: ["ignore", "pipe", "inherit"] });
  ending.defer(() => void service.kill("SIGKILL"));
  await once(service.stdout, "data");
  return port;
}

async function nginxBefore(service: number, ending: AsyncDisposableStack): Promise<number> {
  const port = await freePort("127.0.0.1", null);
  const folder = mkdtempSync(join(tmpdir(), "remotegpu-nginx-"));
  ending.defer(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "nginx.conf");
  writeFileSync(
    file,
    `daemon off; worker_processes 2; pid ${folder}/pid; error_log stderr crit;
events { worker_connections 1024; }
http { access_log off; client_body_temp_path ${folder}; proxy_temp_path ${folder}; fastcgi_temp_path ${folder};
  uwsgi_temp_path ${folder}; scgi_temp_path ${folder}; keepalive_requests 1000000000; client_max_body_size 0;
  upstream service { server 127.0.0.1:${service}; keepalive 64; keepalive_requests 1000000000; }
  server { listen 127.0.0.1:${port};
    location / { proxy_pass http://service; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;
      proxy_request_buffering off; } } }`,
  );
  const nginx = spawn("nginx", ["-p", folder, "-c", file], { stdio: ["ignore", "ignore", "inherit"] });
  await once(nginx, "spawn").catch(() => {
    throw new Error("nginx is not installed: apt-get install nginx-light");
  });
  ending.defer(async () => {
    nginx.kill("SIGTERM");
    if (nginx.exitCode === null) await once(nginx, "exit");
  });
  await eventually(
    async () =>
      await new Promise<boolean>((resolve) => {
        const socket = connect(port, "127.0.0.1");
        socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
        socket.once("connect", () => socket.destroy());
      }),
    { what: "nginx" },
  );
  return port;
}
