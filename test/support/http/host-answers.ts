/** Answers of a host's files process as tests write them: as a value, or as bytes on a line that says whatever it likes. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { connect, type AddressInfo } from "node:net";
import {
  ANSWER_BOUNDS,
  type AnswerBounds,
  fileRequests,
} from "@remotegpu/control-plane/server/link/files/file-requests";
import type { HostAnswer, HostFiles } from "@remotegpu/control-plane/server/core/hosts/host-files";
import { asReported } from "@remotegpu/control-plane/server/core/reasons/reason";

export function answeredBy(response: Response): HostAnswer {
  return {
    status: response.status,
    headers: response.headers,
    body: response.body ?? new ReadableStream(),
    async json(shape) {
      const parsed = shape.safeParse(await response.json());
      return parsed.success
        ? { isRead: true, value: parsed.data }
        : { isRead: false, why: asReported("senseless") };
    },
    cancel: () => void response.body?.cancel().catch(() => undefined),
  };
}

export type HostAnswers = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

/** A host of which each test says how it answers, asked over a real connection. */
export class ScriptedHost implements AsyncDisposable {
  readonly files: HostFiles;
  answer: HostAnswers = (_request, response) => void response.writeHead(500).end();
  /** Bytes that left it since then. */
  sentBytes = 0;
  readonly #server;

  private constructor(server: ReturnType<typeof createServer>, port: number, bounds: AnswerBounds) {
    this.#server = server;
    this.files = fileRequests(async () => {
      const stream = connect(port, "127.0.0.1");
      await once(stream, "connect");
      return { isOpen: true, stream };
    }, bounds);
  }

  static async open(bounds: Partial<AnswerBounds> = {}): Promise<ScriptedHost> {
    const server = createServer((request, response) => {
      request.on("error", () => undefined);
      response.on("error", () => undefined);
      void host.answer(request, response);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const host: ScriptedHost = new ScriptedHost(server, port, { ...ANSWER_BOUNDS, ...bounds });
    return host;
  }

  /** The same piece again and again for as long as anybody takes it. */
  endlessly(response: ServerResponse, piece: Buffer): void {
    const more = () => {
      while (!response.destroyed) {
        this.sentBytes += piece.length;
        if (!response.write(piece)) return;
      }
    };
    response.on("drain", more);
    more();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}
