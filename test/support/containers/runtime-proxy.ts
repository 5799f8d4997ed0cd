/**
 * A socket in front of the machine's container runtime that passes requests on, and holds back those a test names:
 * to their client the runtime hangs, while the machine's other tests go on using it.
 */
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import { DEFAULT_SOCKET } from "@remotegpu/agent/runtime/docker/docker";

type Matches = (method: string, url: string) => boolean;

export class RuntimeProxy {
  readonly socketPath: string;
  readonly #server = createServer((request, response) => this.#take(request, response));
  #isHeld: Matches = () => false;
  #held: (() => void)[] = [];

  private constructor(socketPath: string) {
    this.socketPath = socketPath;
  }

  static async listen(socketPath: string): Promise<RuntimeProxy> {
    const proxy = new RuntimeProxy(socketPath);
    await new Promise<void>((resolve) => proxy.#server.listen(socketPath, resolve));
    return proxy;
  }

  /** Requests held back now. */
  get held(): number {
    return this.#held.length;
  }

  hold(matches: Matches = () => true): void {
    this.#isHeld = matches;
  }

  /** Passes everything on, what was held first. */
  release(): void {
    this.#isHeld = () => false;
    for (const pass of this.#held.splice(0)) pass();
  }

  async close(): Promise<void> {
    this.#held = [];
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #take(request: IncomingMessage, response: ServerResponse): void {
    const pass = () => {
      if (!response.destroyed) passOn(request, response);
    };
    if (this.#isHeld(request.method ?? "", request.url ?? "")) this.#held.push(pass);
    else pass();
  }
}

function passOn(request: IncomingMessage, response: ServerResponse): void {
  const { method, url, headers } = request;
  const onward = httpRequest({ socketPath: DEFAULT_SOCKET, method, path: url, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    // The event stream says nothing for a long time, and its client waits for the head.
    response.flushHeaders();
    answer.pipe(response);
    answer.on("error", () => response.destroy());
  });
  onward.on("error", () => response.destroy());
  response.on("close", () => onward.destroy());
  request.pipe(onward);
}
