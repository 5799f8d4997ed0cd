/**
 * Serves GET /metrics. What a scraper can take is bounded: so many connections, each with its time, and one text for all
 * that come within a second, so that neither a slow one nor many keep the agent's loop or fill its memory.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import type { Log } from "@remotegpu/shared/log";

const PATH = "/metrics";
const MAX_CONNECTIONS = 16;
/** For the request to arrive, and of a connection on which nothing moves. */
const PATIENCE_MS = 5 * MS_PER_SECOND;
const MAX_HEADER_BYTES = 8 * 1024;
const FRESH_MS = MS_PER_SECOND;

export type MetricsSource = { contentType: string; render: () => Promise<string> };

export class MetricsEndpoint {
  readonly #source: MetricsSource;
  readonly #log: Log;
  readonly #server: Server;
  #read: { atMs: number; text: Promise<string> } | null = null;

  private constructor(source: MetricsSource, log: Log) {
    this.#source = source;
    this.#log = log;
    this.#server = createServer(
      {
        maxHeaderSize: MAX_HEADER_BYTES,
        headersTimeout: PATIENCE_MS,
        requestTimeout: PATIENCE_MS,
        connectionsCheckingInterval: PATIENCE_MS,
      },
      (request, response) => void this.#answer(request, response),
    );
    this.#server.maxConnections = MAX_CONNECTIONS;
    this.#server.setTimeout(PATIENCE_MS);
  }

  /** Null, with a warning in the log, where the address cannot be listened on: the agent goes on without. */
  static async open(
    { address, port }: { address: string; port: number },
    source: MetricsSource,
    log: Log,
  ): Promise<MetricsEndpoint | null> {
    const endpoint = new MetricsEndpoint(source, log);
    const error = await endpoint.#listen(address, port);
    if (error === null) {
      log.info({ address, port: endpoint.port }, "serving metrics");
      return endpoint;
    }
    log.warn({ address, port, error }, "metrics are not served: their address cannot be listened on");
    return null;
  }

  get port(): number {
    // A server that listens by TCP has an address of this form.
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  #listen(address: string, port: number): Promise<Error | null> {
    return new Promise((resolve) => {
      this.#server.once("error", resolve);
      this.#server.listen({ host: address, port }, () => {
        this.#server.off("error", resolve);
        this.#server.on("error", (error) => this.#log.warn({ error }, "the endpoint of metrics failed"));
        resolve(null);
      });
    });
  }

  async #answer({ method, url }: IncomingMessage, response: ServerResponse): Promise<void> {
    // Nobody scrapes so often that a connection is worth keeping, and a body that was not read ends with it.
    response.setHeader("Connection", "close");
    if (method !== "GET" || url?.split("?")[0] !== PATH)
      return end(response, 404, `only GET ${PATH} is here\n`);
    try {
      const text = await this.#recent();
      response.setHeader("Content-Type", this.#source.contentType);
      end(response, 200, text);
    } catch {
      end(response, 500, "the metrics could not be read\n");
    }
  }

  #recent(): Promise<string> {
    const nowMs = performance.now();
    if (this.#read !== null && nowMs - this.#read.atMs < FRESH_MS) return this.#read.text;
    const text = this.#source.render();
    // A failure, too, stands for a second, so that a scraper who comes again at once costs no more.
    text.catch((error: unknown) => this.#log.error({ error }, "the metrics could not be read"));
    this.#read = { atMs: nowMs, text };
    return text;
  }
}

function end(response: ServerResponse, status: number, text: string): void {
  response.statusCode = status;
  response.end(text);
}
