/**
 * Clients of an inference service at its gateways, in a process of their own: short requests at a fixed rate, whatever
 * becomes of them, every other one with a body, and streams that each last for a while and are opened again. As a load
 * balancer in front would, they go to the next gateway where one does not listen. Whatever is not answered whole is a
 * failure.
 */
import { Agent, type IncomingMessage, request } from "node:http";
import { type LoadFailure, type LoadReport, type LoadOptions, NO_ANSWER } from "./service-load.ts";

const STEP_MS = 10;
const ANSWER_WITHIN_MS = 60_000;
/** Of streams that begin together. */
const APART_MS = 50;
const BETWEEN_STREAMS_MS = 100;
const MAX_FAILURES_REPORTED = 1_000;
const AGENT = new Agent({ keepAlive: true, maxFreeSockets: 256 });

const reported: LoadReport = {
  short: 0,
  byPort: {},
  streams: 0,
  openStreams: 0,
  again: 0,
  failed: 0,
  failures: [],
};
const state = { isStopping: false };
let waiting = 0;
let turn = 0;
let begun = 0;

process.on("message", (message: { kind: "begin"; request: LoadOptions } | { kind: "stop" }) => {
  if (message.kind === "begin") begin(message.request);
  else state.isStopping = true;
});
process.once("disconnect", () => process.exit());

function begin(options: LoadOptions): void {
  const beganMs = performance.now();
  let sent = 0;
  const pacing = setInterval(() => {
    const due = state.isStopping
      ? sent
      : Math.floor(((performance.now() - beganMs) / 1_000) * options.perSecond);
    for (; sent < due; sent += 1) void short(options);
    if (state.isStopping && waiting === 0 && reported.openStreams === 0) {
      clearInterval(pacing);
      process.send?.({ kind: "over", reported });
    }
  }, STEP_MS);
  for (let nth = 0; nth < options.streams; nth += 1) setTimeout(() => void streams(options), nth * APART_MS);
  setInterval(() => process.send?.({ kind: "told", reported }), 200).unref();
}

async function short(options: LoadOptions): Promise<void> {
  waiting += 1;
  begun += 1;
  const body = begun % 2 === 0 ? `question-${begun}` : null;
  const port = await sendRequest(options, {
    kind: "short",
    path: "/",
    body,
    isWhole: (reported) => reported === (body ?? "ok\n"),
  });
  if (port !== null) {
    reported.short += 1;
    reported.byPort[port] = (reported.byPort[port] ?? 0) + 1;
  }
  waiting -= 1;
}

async function streams(options: LoadOptions): Promise<void> {
  const { streamSeconds: seconds } = options;
  const events = "data: x\n".repeat(seconds);
  while (!state.isStopping) {
    reported.openStreams += 1;
    const path = `/stream/${seconds}`;
    const port = await sendRequest(options, {
      kind: "stream",
      path,
      body: null,
      isWhole: (reported) => reported === events,
    });
    if (port !== null) reported.streams += 1;
    reported.openStreams -= 1;
    await new Promise((resolve) => void setTimeout(resolve, BETWEEN_STREAMS_MS));
  }
}

/** Each gateway in its turn. The port of the one that answered it whole. */
async function sendRequest(
  { ports, host, prefix, key }: LoadOptions,
  {
    kind,
    path,
    body,
    isWhole,
  }: Pick<Requested, "path" | "body"> & { kind: LoadFailure["kind"]; isWhole: (reported: string) => boolean },
): Promise<number | null> {
  turn += 1;
  const first = turn % ports.length;
  const order = [...ports.slice(first), ...ports.slice(0, first)];
  const at = new Date().toISOString();
  let port = 0;
  try {
    const requested = { host, path: `${prefix}${path}`, key, body };
    const { answer, by } = await answeredByOne(order, requested, (tried) => {
      port = tried;
    });
    let reported = "";
    answer.setEncoding("utf8");
    for await (const text of answer) reported += text;
    const { statusCode: status = 0 } = answer;
    if (status === 200 && isWhole(reported)) return by;
    fail({ kind, port, at, why: `${status}: ${reported.slice(0, 200)}` });
  } catch (error) {
    fail({ kind, port, at, why: String(error) });
  }
  return null;
}

/** A body is posted, on a connection of its own: on a kept one nobody knows whether it may be sent again. */
type Requested = { host: string; path: string; key: string; body: string | null };

/**
 * By the first that takes it. A kept connection that had ended when it was used says nothing of the request, which is then
 * asked once more, as every client of HTTP does; how many these are is told.
 */
async function answeredByOne(
  ports: readonly number[],
  requested: Requested,
  tried: (port: number) => void,
): Promise<{ answer: IncomingMessage; by: number }> {
  let last: unknown = new Error("there is no gateway");
  for (const port of ports) {
    tried(port);
    try {
      return { answer: await answered(port, requested), by: port };
    } catch (error) {
      if (!(error instanceof NeverReached)) throw error;
      last = error;
      if (error.isStored) reported.again += 1;
    }
  }
  throw last;
}

class NeverReached extends Error {
  readonly isStored: boolean;

  constructor(cause: Error, isStored: boolean) {
    super(cause.message, { cause });
    this.isStored = isStored;
  }
}

async function answered(port: number, { host, path, key, body }: Requested): Promise<IncomingMessage> {
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
    const requested = request({ host: "127.0.0.1", port, path, ...how });
    const late = setTimeout(() => requested.destroy(new Error(NO_ANSWER)), ANSWER_WITHIN_MS);
    requested.once("response", (answer) => {
      clearTimeout(late);
      resolve(answer);
    });
    requested.on("error", (error: NodeJS.ErrnoException) => {
      clearTimeout(late);
      const isStored = requested.reusedSocket && ["ECONNRESET", "EPIPE"].includes(error.code ?? "");
      reject(isStored || error.code === "ECONNREFUSED" ? new NeverReached(error, isStored) : error);
    });
    requested.end(body ?? undefined);
  });
}

function fail(failure: Omit<LoadFailure, "seenAt">): void {
  reported.failed += 1;
  if (reported.failures.length < MAX_FAILURES_REPORTED)
    reported.failures.push({ ...failure, seenAt: new Date().toISOString() });
}
