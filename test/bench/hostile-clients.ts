/**
 * Clients that mean harm to a gateway, in a process of their own: told which harm, they do it as fast as they are answered,
 * until they are told to stop.
 */
import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { WebSocket } from "ws";
import { Page } from "../support/worlds/terminal-scene.ts";

export type Attack = {
  what: "headers" | "slow-bodies" | "garbage" | "sockets" | "terminal" | "endless" | "lies" | "switches";
  /** Of the gateway. */
  port: number;
  /** Headers that name an origin and open it. */
  opens: string;
  /** Of the paths that are asked for: where a service lies. */
  prefix: string;
  /** Of a terminal's page, as a WebSocket. */
  terminal: string;
  /** Of a service whose replica answers in the bad way that a path names (hostile-replica.ts): what opens it, and where it lies. */
  replica: { opens: string; prefix: string } | null;
};

const LOOPS = 8;
const SLOW_BODIES = 200;
const SOCKETS = 10_000;
const SOCKETS_AT_ONCE = 100;
const ESCAPES = String.raw`while :; do printf '\033]2;%s\007\033[31m\033[2J\033[6n\033]52;c;eA==\007' x; done`;

let ending = new AbortController();
let ended: Promise<unknown> = Promise.resolve();
const open = new Set<Socket>();

process.on("message", (reported: Attack | "stop") => {
  if (reported === "stop") void stop();
  else start(reported);
});
process.once("disconnect", () => process.exit());

function start(attack: Attack): void {
  ending = new AbortController();
  ended = ATTACKS[attack.what](attack);
  process.send?.("started");
}

async function stop(): Promise<void> {
  ending.abort();
  for (const socket of open) socket.destroy();
  await ended;
  process.send?.("stopped");
}

const ATTACKS: Record<Attack["what"], (attack: Attack) => Promise<unknown>> = {
  headers: ({ port, opens, prefix }) => {
    const many = Array.from({ length: 300 }, (_, number) => `X-${number}: ${"x".repeat(50)}\r\n`).join("");
    return inLoops(LOOPS, () => output(port, `GET ${prefix}/ HTTP/1.1\r\n${opens}${many}\r\n`));
  },
  "slow-bodies": ({ port, opens, prefix }) =>
    inLoops(SLOW_BODIES, async () => {
      const socket = connection(port);
      socket.write(`POST ${prefix}/swallow HTTP/1.1\r\n${opens}Content-Length: 1000000\r\n\r\n`);
      while (!ending.signal.aborted && !socket.destroyed) {
        socket.write("x");
        await delay(100);
      }
      socket.destroy();
    }),
  garbage: async ({ port, opens, prefix }) => {
    const bytes = Buffer.from(Array.from({ length: 4_096 }, (_, at) => (at * 7919) % 256));
    await Promise.all([
      inLoops(LOOPS / 2, () => output(port, bytes)),
      inLoops(LOOPS / 2, () =>
        output(port, `GET ${prefix}/garbage HTTP/1.1\r\n${opens}Connection: close\r\n\r\n`),
      ),
    ]);
  },
  sockets: async ({ port, opens, prefix }) => {
    let begun = 0;
    const upgrade = `GET ${prefix}/ws HTTP/1.1\r\n${opens}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`;
    await inLoops(SOCKETS_AT_ONCE, async () => {
      begun += 1;
      if (begun > SOCKETS) return await delay(100);
      const socket = connection(port);
      socket.write(upgrade);
      await new Promise<void>((resolve) => socket.once("data", () => resolve()).once("close", resolve));
    });
  },
  endless: ({ port, replica }) => inLoops(LOOPS, () => output(port, requestsBadly(replica, "/8006"))),
  lies: async ({ port, opens, prefix, replica }) => {
    const short = `GET ${prefix}/short HTTP/1.1\r\n${opens}Connection: close\r\n\r\n`;
    await Promise.all([
      inLoops(LOOPS / 2, () => output(port, short)),
      inLoops(LOOPS / 2, () => output(port, requestsBadly(replica, "/8015"))),
    ]);
  },
  switches: async ({ port, replica }) => {
    const upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
    await Promise.all([
      inLoops(LOOPS / 2, () => output(port, requestsBadly(replica, "/8007"))),
      inLoops(LOOPS / 2, () => output(port, requestsBadly(replica, "/8007", upgrade))),
    ]);
  },
  terminal: async ({ terminal }) => {
    const page = new Page(new WebSocket(terminal));
    await page.opened;
    page.report({ kind: "open", tab: null, columns: 80, rows: 24 });
    await page.tab();
    page.types(`${ESCAPES}\n`);
    while (!ending.signal.aborted) await delay(50);
    page.types("\x03");
    page.close();
  },
};

function requestsBadly(replica: Attack["replica"], route: string, headers = "Connection: close\r\n"): string {
  if (replica === null) throw new Error("there is no replica that answers badly");
  return `GET ${replica.prefix}${route} HTTP/1.1\r\n${replica.opens}${headers}\r\n`;
}

async function inLoops(count: number, act: () => Promise<void>): Promise<void> {
  const loop = async () => {
    while (!ending.signal.aborted) await act();
  };
  await Promise.all(Array.from({ length: count }, loop));
}

/** Resolves once the gateway has ended the connection. */
async function output(port: number, text: string | Buffer): Promise<void> {
  const socket = connection(port);
  socket.write(text);
  await new Promise<void>((resolve) => socket.once("close", resolve).resume());
}

function connection(port: number): Socket {
  const socket = connect({ port, host: "127.0.0.1" });
  open.add(socket);
  socket.on("error", () => undefined).once("close", () => open.delete(socket));
  return socket;
}
