/**
 * Clients of a web server, in a process of their own so that they take nothing from what they measure: as many answers as
 * come, answers at a fixed rate, one large answer or body, or WebSockets that say nothing.
 */
import { connect, type Socket } from "node:net";

export type LoadRequest = { port: number; head: string } & (
  | { what: "rate"; clients: number; ms: number }
  | { what: "paced"; perSecond: number; ms: number }
  | { what: "bytes" }
  | { what: "upload"; bytes: number }
  | { what: "sockets"; count: number }
);

const DONE: Record<LoadRequest["what"], (request: never) => Promise<unknown>> = {
  rate,
  paced,
  bytes,
  upload,
  sockets,
};
const held: Socket[] = [];

process.on("message", (request: LoadRequest) => {
  void DONE[request.what](request as never).then((reported) => process.send?.(reported));
});
process.once("disconnect", () => process.exit());

/** A connection that is kept; each answer is small, has a length, and comes in one piece or ends with its body. */
function client({ port, head }: LoadRequest): { request: () => Promise<void>; socket: Socket } {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  let output = "";
  let answered: (() => void) | null = null;
  socket.on("data", (chunk: Buffer) => {
    output += chunk.toString("latin1");
    const end = output.indexOf("\r\n\r\n");
    if (end < 0) return;
    const length = /^content-length: (\d+)/im.exec(output);
    const isWhole =
      length === null
        ? output.endsWith("0\r\n\r\n") && output.length > end + 4
        : output.length >= end + 4 + Number(length[1]);
    if (!isWhole) return;
    if (!output.startsWith("HTTP/1.1 200")) throw new Error(output);
    output = "";
    answered?.();
    answered = null;
  });
  socket.once("close", () => {
    if (answered !== null) throw new Error("a connection was closed in place of an answer");
  });
  return {
    socket,
    request: async () =>
      await new Promise<void>((resolve) => {
        answered = resolve;
        socket.write(head);
      }),
  };
}

/** Answers a second. */
async function rate(request: Extract<LoadRequest, { what: "rate" }>): Promise<number> {
  const beganMs = performance.now();
  const counts = await Promise.all(
    Array.from({ length: request.clients }, async () => {
      const { request: sendRequest, socket } = client(request);
      let count = 0;
      for (; performance.now() - beganMs < request.ms; count += 1) await sendRequest();
      socket.destroy();
      return count;
    }),
  );
  return counts.reduce((sum, count) => sum + count, 0) / ((performance.now() - beganMs) / 1_000);
}

/** Milliseconds of each answer, counted from when it was due. */
async function paced(request: Extract<LoadRequest, { what: "paced" }>): Promise<number[]> {
  const clients = Array.from({ length: 16 }, () => client(request));
  const everyMs = 1_000 / request.perSecond;
  const beganMs = performance.now();
  let next = 0;
  const took: number[] = [];
  const total = Math.floor(request.ms / everyMs);
  await Promise.all(
    clients.map(async ({ request: sendRequest }) => {
      while (next < total) {
        const dueMs = beganMs + everyMs * next;
        next += 1;
        const waitMs = dueMs - performance.now();
        if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
        const sentMs = Math.max(dueMs, performance.now());
        await sendRequest();
        took.push(performance.now() - sentMs);
      }
    }),
  );
  for (const { socket } of clients) socket.destroy();
  return took;
}

/** Bytes a second of one answer that ends with its connection. */
async function bytes({ port, head }: Extract<LoadRequest, { what: "bytes" }>): Promise<number> {
  const beganMs = performance.now();
  const socket = connect({ port, host: "127.0.0.1" });
  socket.write(head);
  let count = 0;
  for await (const chunk of socket) count += (chunk as Buffer).length;
  return count / ((performance.now() - beganMs) / 1_000);
}

/** Bytes a second of one body, until it is answered. */
async function upload({
  port,
  head,
  bytes: count,
}: Extract<LoadRequest, { what: "upload" }>): Promise<number> {
  const beganMs = performance.now();
  const socket = connect({ port, host: "127.0.0.1" });
  socket.write(head);
  const chunk = Buffer.alloc(64 * 1024, "u");
  for (let sent = 0; sent < count; sent += chunk.length)
    if (!socket.write(chunk.subarray(0, count - sent)))
      await new Promise((resolve) => socket.once("drain", resolve));
  for await (const answer of socket)
    if (!String(answer).startsWith("HTTP/1.1 200")) throw new Error(String(answer).slice(0, 100));
    else break;
  return count / ((performance.now() - beganMs) / 1_000);
}

/** Opens as many and holds them. */
async function sockets({ port, head, count }: Extract<LoadRequest, { what: "sockets" }>): Promise<number> {
  for (let opened = 0; opened < count; opened += 1) {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.write(head);
    await new Promise((resolve) => socket.once("data", resolve));
    held.push(socket);
  }
  return held.length;
}
