/**
 * A socket in front of the machine's container runtime that passes requests on and weakens the containers that are made
 * of them, as a runtime of its own kind or a careless operator might: what is to notice that is tested with it.
 */
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import { DEFAULT_SOCKET } from "@remotegpu/agent/runtime/docker/docker";
import { z } from "zod";

const Body = z.looseObject({ HostConfig: z.looseObject({}) });

export type Weakness = { HostConfig?: object; NetworkingConfig?: null };

export class WeakRuntime {
  readonly socketPath: string;
  /** Put over the options of each container that is made; null takes one of the outer ones away. */
  weakness: Weakness = {};
  readonly #server = createServer((request, response) => void this.#take(request, response));

  private constructor(socketPath: string) {
    this.socketPath = socketPath;
  }

  static async listen(socketPath: string): Promise<WeakRuntime> {
    const runtime = new WeakRuntime(socketPath);
    await new Promise<void>((resolve) => runtime.#server.listen(socketPath, resolve));
    return runtime;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method, url, headers } = request;
    const isCreation = method === "POST" && /^\/(?:v[\d.]+\/)?containers\/create\?/.test(url ?? "");
    const body = isCreation ? await this.#weakened(request) : null;
    const { "content-length": _length, "transfer-encoding": _encoding, ...others } = headers;
    const length = body === null ? headers : { ...others, "content-length": body.length };
    const onward = httpRequest(
      { socketPath: DEFAULT_SOCKET, method, path: url, headers: length },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        response.flushHeaders();
        answer.pipe(response);
        answer.on("error", () => response.destroy());
      },
    );
    onward.on("error", () => response.destroy());
    response.on("close", () => onward.destroy());
    if (body === null) request.pipe(onward);
    else onward.end(body);
  }

  async #weakened(request: IncomingMessage): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(Buffer.from(piece));
    const options = Body.parse(JSON.parse(Buffer.concat(pieces).toString()));
    const { HostConfig, ...outer } = this.weakness;
    return Buffer.from(
      JSON.stringify({ ...options, ...outer, HostConfig: { ...options.HostConfig, ...HostConfig } }),
    );
  }
}
