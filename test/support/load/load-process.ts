/**
 * Clients of an inference service at its gateways, in a process of their own: short requests at a fixed rate, whatever
 * becomes of them, every other one with a body, and streams that each last for a while and are opened again. As a load
 * balancer in front would, they go to the next gateway where one does not listen. Whatever is not answered whole is a
 * failure.
 */
import { Agent, type IncomingMessage, request } from "node:http";
import { type LoadFailure, type LoadTold, type LoadWish, NO_ANSWER } from "./service-load.ts";

const STEP_MS = 10;
const ANSWER_WITHIN_MS = 60_000;
/** Of streams that begin together. */
const APART_MS = 50;
const BETWEEN_STREAMS_MS = 100;
const MAX_FAILURES_TOLD = 1_000;
const AGENT = new Agent({ keepAlive: true, maxFreeSockets: 256 });

const told: LoadTold = {
  short: 0,
  byPort: {},
  streams: 0,
  openStreams: 0,
  again: 0,
  failed: 0,
  failures: [],
};
const standing = { isStopping: false };
let waiting = 0;
let turn = 0;
let begun = 0;

process.on("message", (message: { kind: "begin"; request: LoadWish } | { kind: "stop" }) => {
  if (message.kind === "begin") begin(message.request);
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
      process.send?.({ kind: "over", reported: told });
    }
  }, STEP_MS);
  for (let nth = 0; nth < wish.streams; nth += 1) setTimeout(() => void streams(wish), nth * APART_MS);
  setInterval(() => process.send?.({ kind: "told", reported: told }), 200).unref();
}

async function short(wish: LoadWish): Promise<void> {
  waiting += 1;
  begun += 1;
  const body = begun % 2 === 0 ? `question-${begun}` : null;
  const port = await ask(wish, {
    kind: "short",
    path: "/",
    body,
    isWhole: (told) => told === (body ?? "ok\n"),
  });
  if (port !== null) {
    told.short += 1;
    told.byPort[port] = (told.byPort[port] ?? 0) + 1;
  }
  waiting -= 1;
}

async function streams(wish: LoadWish): Promise<void> {
  const { streamSeconds: seconds } = wish;
  const events = "data: x\n".repeat(seconds);
  while (!standing.isStopping) {
    told.openStreams += 1;
    const path = `/stream/${seconds}`;
    const port = await ask(wish, { kind: "stream", path, body: null, isWhole: (told) => told === events });
    if (port !== null) told.streams += 1;
    told.openStreams -= 1;
    await new Promise((resolve) => void setTimeout(resolve, BETWEEN_STREAMS_MS));
  }
}

/** Each gateway in its turn. The port of the one that answered it whole. */
async function ask(
  { ports, host, prefix, key }: LoadWish,
  {
    kind,
    path,
    body,
    isWhole,
  }: Pick<Asked, "path" | "body"> & { kind: LoadFailure["kind"]; isWhole: (told: string) => boolean },
): Promise<number | null> {
  turn += 1;
  const first = turn % ports.length;
  const order = [...ports.slice(first), ...ports.slice(0, first)];
  const at = new Date().toISOString();
  let port = 0;
  try {
    const asked = { host, path: `${prefix}${path}`, key, body };
    const { answer, by } = await answeredByOne(order, asked, (tried) => {
      port = tried;
    });
    let told = "";
    answer.setEncoding("utf8");
    for await (const text of answer) told += text;
    const { statusCode: status = 0 } = answer;
    if (status === 200 && isWhole(told)) return by;
    fail({ kind, port, at, why: `${status}: ${told.slice(0, 200)}` });
  } catch (error) {
    fail({ kind, port, at, why: String(error) });
  }
  return null;
}

/** A body is posted, on a connection of its own: on a kept one nobody knows whether it may be sent again. */
type Asked = { host: string; path: string; key: string; body: string | null };

/**
 * By the first that takes it. A kept connection that had ended when it was used says nothing of the request, which is then
 * asked once more, as every client of HTTP does; how many these are is told.
 */
async function answeredByOne(
  ports: readonly number[],
  asked: Asked,
  tried: (port: number) => void,
): Promise<{ answer: IncomingMessage; by: number }> {
  let last: unknown = new Error("there is no gateway");
  for (const port of ports) {
    tried(port);
    try {
      return { answer: await answered(port, asked), by: port };
    } catch (error) {
      if (!(error instanceof NeverReached)) throw error;
      last = error;
      if (error.isStored) told.again += 1;
    }
  }
  throw last;
}

class NeverReached extends Error {
  readonly isStored: boolean;

  constructor(cause: Error, isKept: boolean) {
    super(cause.message, { cause });
    this.isStored = isKept;
  }
}

async function answered(port: number, { host, path, key, body }: Asked): Promise<IncomingMessage> {
  return await new Promise((resolve, reject) => {
    const headers = { Host: host, Authorization: `Bearer ${key}` };
    const how =
      body === null
        ? { headers, agent: AGENT }
        : {
            method: "POST",
            headers: { ...headers, "Content-Length": Buffer.byteLength(body) },
            agent: false,
          };
    const asked = request({ host: "127.0.0.1", port, path, ...how });
    const late = setTimeout(() => asked.destroy(new Error(NO_ANSWER)), ANSWER_WITHIN_MS);
    asked.once("response", (answer) => {
      clearTimeout(late);
      resolve(answer);
    });
    asked.on("error", (error: NodeJS.ErrnoException) => {
      clearTimeout(late);
      const isKept = asked.reusedSocket && ["ECONNRESET", "EPIPE"].includes(error.code ?? "");
      reject(isKept || error.code === "ECONNREFUSED" ? new NeverReached(error, isKept) : error);
    });
    asked.end(body ?? undefined);
  });
}

function fail(failure: Omit<LoadFailure, "seenAt">): void {
  told.failed += 1;
  if (told.failures.length < MAX_FAILURES_TOLD)
    told.failures.push({ ...failure, seenAt: new Date().toISOString() });
}
