/**
 * Requests to the files process of a host: HTTP on a stream that leads there, one request for each. Bytes are neither
 * kept nor counted, both ways; who reads slowly slows the host down, and who leaves ends it there.
 */
import { request, type IncomingMessage } from "node:http";
import { type Duplex, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { HostId } from "@remotegpu/shared/ids";
import type { FileQuestion, FileReply, HostFiles } from "../../core/hosts/host-files.ts";

export type OpenFiles = (
  hostId: HostId,
) => Promise<{ isOpen: true; stream: Duplex } | { isOpen: false; why: string }>;

const BROKE_OFF = "Its host broke the connection off.";

export function fileRequests(open: OpenFiles): HostFiles {
  return {
    async ask(hostId, question, signal) {
      const opened = await open(hostId);
      return opened.isOpen
        ? await askOn(opened.stream, question, signal)
        : { isReached: false, why: opened.why };
    },
  };
}

async function askOn(
  stream: Duplex,
  { method, route, folder, path, query = {}, headers = {}, body = null }: FileQuestion,
  signal: AbortSignal | undefined,
): Promise<FileReply> {
  const asked = new URLSearchParams({ folder: encoded(folder), path: encoded(path), ...query });
  const sent = request({
    method,
    path: `${route}?${asked.toString()}`,
    headers: { ...headers, Host: "files" },
    setHost: false,
    createConnection: () => stream,
    ...(signal !== undefined && { signal }),
  });
  const { promise, resolve } = Promise.withResolvers<IncomingMessage | null>();
  sent.on("response", resolve);
  sent.on("error", () => resolve(null));
  sent.on("close", () => resolve(null));
  stream.on("error", () => sent.destroy());
  if (body instanceof ReadableStream) {
    // A host that refuses amid it has answered by then; a client that leaves amid it ends the request.
    pipeline(Readable.fromWeb(body), sent).catch(() => undefined);
  } else sent.end(body ?? undefined);
  const response = await promise;
  if (response === null) return { isReached: false, why: BROKE_OFF };
  return { isReached: true, response: webResponse(response, sent) };
}

function webResponse(response: IncomingMessage, sent: { destroy: () => void }): Response {
  const status = response.statusCode ?? 502;
  const headers = new Headers();
  for (const [name, value] of Object.entries(response.headers))
    if (value !== undefined) headers.set(name, String(value));
  response.on("error", () => undefined);
  response.on("close", () => sent.destroy());
  if ([204, 205, 304].includes(status)) {
    response.resume();
    return new Response(null, { status, headers });
  }
  return new Response(bodyOf(response), { status, headers });
}

/**
 * Node's own adapter copies each piece as it came, and each is a write of its own to whoever reads: what has come
 * meanwhile goes on at once.
 */
function bodyOf(response: IncomingMessage): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const bytes = await nextOf(response);
        if (bytes === null) controller.close();
        else controller.enqueue(bytes);
      },
      cancel: () => void response.destroy(),
    },
    { highWaterMark: 0 },
  );
}

/** Null at its end. @throws where it broke off */
async function nextOf(response: IncomingMessage): Promise<Uint8Array | null> {
  for (;;) {
    const bytes: unknown = response.read();
    if (bytes instanceof Uint8Array) return bytes;
    if (response.errored !== null) throw response.errored;
    if (response.readableEnded) return null;
    await moved(response);
  }
}

function moved(response: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      for (const event of ["readable", "end", "error", "close"]) response.off(event, done);
      resolve();
    };
    for (const event of ["readable", "end", "error", "close"]) response.on(event, done);
  });
}

function encoded(bytes: string): string {
  return Buffer.from(bytes, "latin1").toString("base64url");
}
