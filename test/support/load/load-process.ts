/**
 * Clients of an inference service at its gateways, in a process of their own: short requests at a fixed rate, whatever
 * becomes of them, and streams that each last for a while and are opened again. Whatever is not answered whole is a failure.
 */
import { Agent, type IncomingMessage, request } from "node:http";
import type { LoadFailure, LoadTold, LoadWish } from "./service-load.ts";

const STEP_MS = 10;
const ANSWER_WITHIN_MS = 60_000;
/** Of streams that begin together. */
const APART_MS = 50;
const BETWEEN_STREAMS_MS = 100;
const MAX_FAILURES_TOLD = 20;
const AGENT = new Agent({ keepAlive: true, maxFreeSockets: 256 });

const told: LoadTold = { short: 0, streams: 0, openStreams: 0, failed: 0, failures: [] };
const standing = { isStopping: false };
let waiting = 0;
let turn = 0;

process.on("message", (message: { kind: "begin"; wish: LoadWish } | { kind: "stop" }) => {
  if (message.kind === "begin") begin(message.wish);
  else standing.isStopping = true;
});
process.once("disconnect", () => process.exit());

function begin(wish: LoadWish): void {
  const beganMs = performance.now();
  let sent = 0;
  const pacing = setInterval(() => {
    const due = standing.isStopping
      ? sent
      : Math.floor(((performance.now() - beganMs) / 1_000) * wish.perSecond);
    for (; sent < due; sent += 1) void short(wish);
    if (standing.isStopping && waiting === 0 && told.openStreams === 0) {
      clearInterval(pacing);
      process.send?.({ kind: "over", told });
    }
  }, STEP_MS);
  for (let nth = 0; nth < wish.streams; nth += 1) setTimeout(() => void streams(wish), nth * APART_MS);
  setInterval(() => process.send?.({ kind: "told", told }), 200).unref();
}

async function short(wish: LoadWish): Promise<void> {
  waiting += 1;
  if (await ask(wish, { kind: "short", path: "/", isWhole: (body) => body === "ok\n" })) told.short += 1;
  waiting -= 1;
}

async function streams(wish: LoadWish): Promise<void> {
  const { streamSeconds: seconds } = wish;
  const events = "data: x\n".repeat(seconds);
  while (!standing.isStopping) {
    told.openStreams += 1;
    const path = `/stream/${seconds}`;
    if (await ask(wish, { kind: "stream", path, isWhole: (body) => body === events })) told.streams += 1;
    told.openStreams -= 1;
    await new Promise((resolve) => void setTimeout(resolve, BETWEEN_STREAMS_MS));
  }
}

/** Each gateway in its turn. */
async function ask(
  { ports, host, prefix, key }: LoadWish,
  { kind, path, isWhole }: { kind: LoadFailure["kind"]; path: string; isWhole: (body: string) => boolean },
): Promise<boolean> {
  turn += 1;
  const port = ports[turn % ports.length] ?? 0;
  const at = new Date().toISOString();
  try {
    const answer = await answered({ port, host, path: `${prefix}${path}`, key });
    let body = "";
    answer.setEncoding("utf8");
    for await (const text of answer) body += text;
    const { statusCode: status = 0 } = answer;
    if (status === 200 && isWhole(body)) return true;
    fail({ kind, port, at, why: `${status}: ${body.slice(0, 200)}` });
  } catch (error) {
    fail({ kind, port, at, why: String(error) });
  }
  return false;
}

async function answered(to: {
  port: number;
  host: string;
  path: string;
  key: string;
}): Promise<IncomingMessage> {
  const { port, host, path, key } = to;
  return await new Promise((resolve, reject) => {
    const headers = { Host: host, Authorization: `Bearer ${key}` };
    const asked = request({ host: "127.0.0.1", port, path, headers, agent: AGENT });
    const late = setTimeout(() => asked.destroy(new Error("no answer in time")), ANSWER_WITHIN_MS);
    asked.once("response", (answer) => {
      clearTimeout(late);
      resolve(answer);
    });
    asked.on("error", (error) => {
      clearTimeout(late);
      reject(error);
    });
    asked.end();
  });
}

function fail(failure: LoadFailure): void {
  told.failed += 1;
  if (told.failures.length < MAX_FAILURES_TOLD) told.failures.push(failure);
}
