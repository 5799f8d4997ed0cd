/**
 * Requests to the files process of a host: HTTP on a stream that leads there, one request for each. Bytes are neither
 * kept nor counted, both ways; who reads slowly slows the host down, and who leaves ends it there. What a host says in
 * place of bytes is read here and nowhere else, within bounds: it may be anything.
 */
import { request, type ClientRequest, type IncomingMessage } from "node:http";
import { once } from "node:events";
import { type Duplex, Readable } from "node:stream";
import { BodyTooLongError, boundedBody } from "@remotegpu/shared/bounded-body";
import { WANT_DIGEST_HEADER } from "@remotegpu/shared/messages/files";
import type { HostId } from "@remotegpu/shared/values/ids";
import { MIB, MS_PER_HOUR, MS_PER_SECOND } from "@remotegpu/shared/values/units";
import type {
  AnswerShape,
  FileQuestion,
  FileReply,
  HostAnswer,
  HostFiles,
  ReadAnswer,
} from "../../core/hosts/host-files.ts";
import { inEnglish } from "../../core/reasons/english/english.ts";
import { reasonOf } from "../../core/reasons/plain-reason.ts";
import type { Reason } from "../../core/reasons/reason.ts";

export type OpenFiles = (
  hostId: HostId,
) => Promise<{ isOpen: true; stream: Duplex } | { isOpen: false; why: Reason }>;

export interface AnswerBounds {
  /** The bound of an answer that is read whole. A page of a thousand names of 255 bytes has half of it. */
  maxBytes: number;
  /** From its headers to its end. */
  withinMs: number;
  /** Until its headers come. */
  beginsWithinMs: number;
  /** The same where the host first walks through a tree, reads a whole file, or has its disk write one. */
  patientWithinMs: number;
  /** Nothing comes or goes, while this side waits for it. */
  silentForMs: number;
}

export const ANSWER_BOUNDS: AnswerBounds = {
  maxBytes: MIB,
  withinMs: 30 * MS_PER_SECOND,
  beginsWithinMs: 120 * MS_PER_SECOND,
  patientWithinMs: MS_PER_HOUR,
  silentForMs: 120 * MS_PER_SECOND,
};

const BROKE_OFF = reasonOf("host-broke-off");

/** @param bounds others than the product's, for tests */
export function fileRequests(open: OpenFiles, bounds: AnswerBounds = ANSWER_BOUNDS): HostFiles {
  return {
    async request(hostId, question, signal) {
      const opened = await open(hostId);
      return opened.isOpen
        ? await requestOn(opened.stream, question, { signal, bounds })
        : { isReached: false, why: opened.why };
    },
  };
}

async function requestOn(
  stream: Duplex,
  question: FileQuestion,
  { signal, bounds }: { signal: AbortSignal | undefined; bounds: AnswerBounds },
): Promise<FileReply> {
  const { method, route, folder, path, query = {}, headers = {}, body = null } = question;
  const requested = new URLSearchParams({ folder: encoded(folder), path: encoded(path), ...query });
  const sent = request({
    method,
    path: `${route}?${requested.toString()}`,
    headers: { ...headers, Host: "files" },
    setHost: false,
    createConnection: () => stream,
    ...(signal !== undefined && { signal }),
  });
  const { promise, resolve } = Promise.withResolvers<IncomingMessage | { why: Reason }>();
  sent.on("response", resolve);
  sent.on("error", () => resolve({ why: BROKE_OFF }));
  sent.on("close", () => resolve({ why: BROKE_OFF }));
  // It would be another protocol, which nobody asked for.
  sent.on("upgrade", (_response, other: Duplex) => other.destroy());
  stream.on("error", () => sent.destroy());
  const give = (why: Reason) => {
    resolve({ why });
    sent.destroy();
  };
  const late = new LateAnswer(patienceFor(question, bounds), (ms) =>
    give({ code: "host-answer-not-begun", params: { seconds: ms / MS_PER_SECOND } }),
  );
  if (body instanceof ReadableStream) {
    // A host that refuses amid it has answered by then; a client that leaves amid it ends the request.
    brought(Readable.fromWeb(body), sent, bounds.silentForMs)
      .then(() => late.begin())
      .catch((error: unknown) => {
        if (error instanceof SilentError)
          give({ code: "host-took-nothing", params: { seconds: bounds.silentForMs / MS_PER_SECOND } });
        else sent.destroy();
      });
  } else {
    sent.end(body ?? undefined);
    late.begin();
  }
  const response = await promise;
  late.end();
  if ("why" in response) return { isReached: false, why: response.why };
  return { isReached: true, answer: answerOf(response, { sent, bounds }) };
}

function patienceFor({ method, route, headers = {} }: FileQuestion, bounds: AnswerBounds): number {
  const isLong =
    method === "PUT" ||
    method === "DELETE" ||
    (method === "POST" && route === "/draft") ||
    headers[WANT_DIGEST_HEADER] !== undefined;
  return isLong ? bounds.patientWithinMs : bounds.beginsWithinMs;
}

/** Runs from the moment when all was asked: how long a client takes to bring a file is no fault of the host's. */
class LateAnswer {
  readonly #ms: number;
  readonly #onLate: (ms: number) => void;
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(ms: number, onLate: (ms: number) => void) {
    this.#ms = ms;
    this.#onLate = onLate;
  }

  begin(): void {
    if (!this.#isOver) this.#timer = setTimeout(() => this.#onLate(this.#ms), this.#ms);
  }

  end(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }
}

class SilentError extends Error {
  override readonly name = "SilentError";
}

/** @throws SilentError where the host takes nothing, or the error of whoever brings it */
async function brought(body: Readable, sent: ClientRequest, silentForMs: number): Promise<void> {
  const gone = new AbortController();
  sent.once("close", () => gone.abort());
  const onGone = () => body.destroy();
  gone.signal.addEventListener("abort", onGone, { once: true });
  for await (const piece of body as AsyncIterable<Uint8Array>) {
    if (sent.destroyed) return;
    if (sent.write(piece)) continue;
    const drained = AbortSignal.any([gone.signal, AbortSignal.timeout(silentForMs)]);
    await once(sent, "drain", { signal: drained }).catch((cause: unknown) => {
      if (!gone.signal.aborted) throw new SilentError("the host takes nothing", { cause });
    });
  }
  if (!sent.destroyed) sent.end();
}

function answerOf(
  response: IncomingMessage,
  { sent, bounds }: { sent: ClientRequest; bounds: AnswerBounds },
): HostAnswer {
  const headers = new Headers();
  for (const [name, value] of Object.entries(response.headers))
    if (value !== undefined) headers.set(name, String(value));
  response.on("error", () => undefined);
  response.on("close", () => sent.destroy());
  const status = response.statusCode ?? 0;
  // Nothing follows, and so it is over: nobody has to read it.
  if (sent.method === "HEAD" || [204, 205, 304].includes(status)) response.resume();
  let body: ReadableStream<Uint8Array> | null = null;
  return {
    status,
    headers,
    get body() {
      body ??= bodyOf(response, bounds.silentForMs);
      return body;
    },
    json: (shape) => readJson(response, shape, bounds),
    cancel: () => void response.destroy(),
  };
}

async function readJson<T>(
  response: IncomingMessage,
  shape: AnswerShape<T>,
  { maxBytes, withinMs }: AnswerBounds,
): Promise<ReadAnswer<T>> {
  try {
    const bytes = await boundedBody(response, { maxBytes, signal: AbortSignal.timeout(withinMs) });
    const parsed = shape.safeParse(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)));
    return parsed.success ? { isRead: true, value: parsed.data } : { isRead: false, why: SENSELESS };
  } catch (error) {
    return { isRead: false, why: whyNot(error, { maxBytes, withinMs }) };
  } finally {
    response.destroy();
  }
}

const SENSELESS = reasonOf("host-answer-unknown");

function whyNot(error: unknown, { maxBytes, withinMs }: Pick<AnswerBounds, "maxBytes" | "withinMs">): Reason {
  if (error instanceof BodyTooLongError)
    return { code: "host-answer-too-long", params: { max_bytes: maxBytes } };
  if (error instanceof DOMException && error.name === "TimeoutError")
    return { code: "host-answer-late", params: { seconds: withinMs / MS_PER_SECOND } };
  // Not JSON, and not even text.
  if (error instanceof SyntaxError || error instanceof TypeError) return SENSELESS;
  return BROKE_OFF;
}

/**
 * Node's own adapter copies each piece as it came, and each is a write of its own to whoever reads: what has come
 * meanwhile goes on at once.
 */
function bodyOf(response: IncomingMessage, silentForMs: number): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const bytes = await nextOf(response, silentForMs);
        if (bytes === null) controller.close();
        else controller.enqueue(bytes);
      },
      cancel: () => void response.destroy(),
    },
    { highWaterMark: 0 },
  );
}

/** Null at its end. @throws where it broke off, or nothing came for so long */
async function nextOf(response: IncomingMessage, silentForMs: number): Promise<Uint8Array | null> {
  for (;;) {
    const bytes: unknown = response.read();
    if (bytes instanceof Uint8Array) return bytes;
    if (response.errored !== null) throw response.errored;
    if (response.readableEnded) return null;
    if (response.destroyed) throw new Error(inEnglish(BROKE_OFF));
    await moved(response, silentForMs);
  }
}

function moved(response: IncomingMessage, silentForMs: number): Promise<void> {
  return new Promise((resolve) => {
    const silent = setTimeout(
      () => response.destroy(new Error(`nothing came for ${silentForMs / MS_PER_SECOND} s`)),
      silentForMs,
    );
    const done = () => {
      clearTimeout(silent);
      for (const event of ["readable", "end", "error", "close"]) response.off(event, done);
      resolve();
    };
    for (const event of ["readable", "end", "error", "close"]) response.on(event, done);
  });
}

function encoded(bytes: string): string {
  return Buffer.from(bytes, "latin1").toString("base64url");
}
