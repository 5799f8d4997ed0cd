/**
 * A bare web server of Node through the gateway and the tunnel, beside the same behind Debian's nginx as a plain proxy, in
 * turns: answers a second, the slowest of a hundred at a fixed rate, 100 MiB, and the memory of WebSockets that say
 * nothing. The gateway runs in this process, with the API of its scene; nginx has two workers; clients have a process.
 */
import { fork, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "@remotegpu/control-plane/embedded/ports";
import { eventually } from "../support/eventually.ts";
import { openWebScene, SERVICE_PORT } from "../support/worlds/web-scene.ts";
import { sceneDatabase } from "./bench-database.ts";
import { headLine, type Pair, ratioLine, valuesLine } from "./comparison.ts";
import type { Wish } from "./web-clients.ts";

const ROUNDS = 5;
const CLIENTS = 16;
const EACH_MS = 2_000;
const PACED_PER_SECOND = 300;
const SOCKETS = 1_000;
const MIB = 1_048_576;
const BODY = 100 * MIB;
const UNLIMITED = { burst: 1e9, perSecond: 1e9 };
const CLIENTS_SCRIPT = new URL("web-clients.ts", import.meta.url).pathname;
const SERVICE = new URL("../fixtures/web-service.ts", import.meta.url).pathname;

type Way = { port: number; headers: string };

export async function measureWeb(say: (line: string) => void, ending: AsyncDisposableStack): Promise<void> {
  const limits = {
    perAddress: UNLIMITED,
    perOrigin: UNLIMITED,
    openPerAddress: 10_000,
    openPerOrigin: 10_000,
    socketsPerOrigin: 10_000,
    connections: 20_000,
  };
  const scene = ending.adopt(await openWebScene({ limits }, await sceneDatabase(ending)), (one) =>
    one.close(),
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
  const slowest = async (way: Way) => {
    const wish = { what: "paced", perSecond: PACED_PER_SECOND, ms: EACH_MS } as const;
    const took = (await asked({ ...wish, port: way.port, head: head(way, "/say") })) as number[];
    return took.toSorted((a, b) => a - b)[Math.floor(took.length * 0.99)] ?? 0;
  };
  const large = async (way: Way) => {
    const path = `/bytes?n=${BODY}`;
    const wish = { what: "bytes", port: way.port, head: head(way, path, "Connection: close\r\n") } as const;
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
  const rates = await inTurns(rate);
  say(ratioLine(`answers, ${CLIENTS} clients`, rates));
  say(
    valuesLine(
      "  through the gateway",
      rates.map((pair) => pair.ours),
      "/s",
    ),
  );
  say(
    valuesLine(
      "  through nginx",
      rates.map((pair) => pair.bare),
      "/s",
    ),
  );
  const slow = await inTurns(slowest);
  say(
    valuesLine(
      `p99 at ${PACED_PER_SECOND} a second, gateway`,
      slow.map((pair) => pair.ours),
      "ms",
    ),
  );
  say(
    valuesLine(
      "  nginx",
      slow.map((pair) => pair.bare),
      "ms",
    ),
  );
  const larges = await inTurns(large);
  say(ratioLine("100 MiB down", larges));
  say(
    valuesLine(
      "  through the gateway, a second",
      larges.map((pair) => pair.ours),
      "MiB",
    ),
  );
  const before = process.memoryUsage().rss;
  const upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
  await asked({ what: "sockets", count: SOCKETS, port: ours.port, head: head(ours, "/ws", upgrade) });
  say(
    valuesLine(`memory of ${SOCKETS} idle WebSockets`, [(process.memoryUsage().rss - before) / MIB], "MiB"),
  );
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
  uwsgi_temp_path ${folder}; scgi_temp_path ${folder}; keepalive_requests 1000000000;
  upstream service { server 127.0.0.1:${service}; keepalive 64; keepalive_requests 1000000000; }
  server { listen 127.0.0.1:${port};
    location / { proxy_pass http://service; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; } } }`,
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
