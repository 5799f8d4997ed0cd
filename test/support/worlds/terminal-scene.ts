/**
 * The terminal in the browser on a real container: its site on a port of its own, without the gateway's front, where every
 * visit is one of the test's; the way into the container begins in its network.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Duplex } from "node:stream";
import { WebSocket } from "ws";
import type { HostId, InstanceId } from "@remotegpu/shared/values/ids";
import type {
  FromGateway,
  FromPage,
} from "@remotegpu/control-plane/server/core/gateway/terminal/terminal-protocol";
import { TerminalSite } from "@remotegpu/control-plane/gateway/terminal/terminal-site";
import { asReported } from "@remotegpu/control-plane/server/core/reasons/reason";
import { TunnelError, type Tunnels } from "@remotegpu/control-plane/gateway/tunnel/tunnel";
import { environmentTerminalKeys } from "@remotegpu/control-plane/server/link/identity/environment-terminal-keys";
import type { Visit, VisitHandler } from "@remotegpu/control-plane/gateway/entry/visit";
import { type Door, Doorway } from "../containers/door.ts";
import { eventually } from "../eventually.ts";
import { quietLog } from "../quiet-log.ts";

const OPERATOR = {
  key: {
    getSeed: () => new TextEncoder().encode("SOACGNTK5SWHAGJXO5VRRCUXPT4EMHHGRBBVWAVX6ZYQFBYR7BXZUXO7CA"),
  },
};
const PLACE = { environmentId: "env-terminal", placementEpoch: 1 };

export class TerminalScene {
  readonly door: Door;
  readonly #route: Doorway;
  #server: Server;
  #port: number;
  /** Of every visit from now on. */
  right = new AbortController();
  /** Null: the way is there. */
  away: string | null = null;
  readonly terminalKeys = environmentTerminalKeys(OPERATOR);

  private constructor(route: Doorway, door: Door, server: Server, port: number) {
    this.#route = route;
    this.door = door;
    this.#server = server;
    this.#port = port;
  }

  static async open(given: Parameters<Doorway["begin"]>[0] = {}): Promise<TerminalScene> {
    const route = await Doorway.open();
    const door = await route.begin(given);
    const server = createServer();
    const scene = new TerminalScene(route, door, server, 0);
    await scene.lets();
    await scene.#listen();
    return scene;
  }

  /** As its host is told it with the terminal switched on and SSH off. */
  async lets(epoch = PLACE.placementEpoch): Promise<void> {
    const { keys } = this.terminalKeys.keySetOf({ ...PLACE, placementEpoch: epoch });
    await this.door.let({
      keys: keys.map(({ id, line }) => ({ id: String(id), line })),
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Its process is gone without a word; the port may be taken anew. */
  kill(): void {
    this.#server.close();
    this.#server.closeAllConnections();
    for (const socket of this.#upgraded) socket.destroy();
  }

  /** Another gateway takes its place, which knows nothing of the first. */
  async restart(): Promise<void> {
    await this.#listen();
  }

  async page(tab: string | null = null, size: { columns: number; rows: number } = SIZE): Promise<Page> {
    const page = new Page(new WebSocket(`${this.url.replace("http", "ws")}/socket`));
    await page.opened;
    page.report({ kind: "open", tab, ...size });
    return page;
  }

  /** One whose terminal is open: what was typed before would be nobody's. */
  async opened(tab: string | null = null, size = SIZE): Promise<Page> {
    const page = await this.page(tab, size);
    await page.tab();
    return page;
  }

  async close(): Promise<void> {
    this.kill();
    await this.#route.close();
  }

  readonly #upgraded = new Set<Duplex>();

  /** For a gateway: whoever it lets in to whichever environment is in this container. */
  leadingHere(): VisitHandler {
    const site = this.#site();
    const here = (visit: Visit): Visit => {
      const { environmentId: id, placementEpoch } = PLACE;
      return { ...visit, environment: { ...visit.environment, id, placementEpoch } };
    };
    return {
      request: async (request, response, visit) => await site.request(request, response, here(visit)),
      upgrade: (request, socket, head, visit) => site.upgrade(request, socket, head, here(visit)),
    };
  }

  #site(): TerminalSite {
    return new TerminalSite({
      tunnels: this.#tunnels(),
      hostKeys: { publicOf: () => ({ line: this.door.hostKeyLine, fingerprint: "" }) },
      signerOf: (place) => this.terminalKeys.signerOf(place),
      sessions: { begin: () => ({ carried: () => undefined, ended: () => undefined }) },
      isBehindProxy: true,
      log: quietLog,
    });
  }

  async #listen(): Promise<void> {
    const site = this.#site();
    const visit = () => ({
      entry: { kind: "person", customerId: 1, keyId: 1 } as const,
      environment: {
        id: PLACE.environmentId,
        name: "bench & <b>",
        hostId: "host-1" as HostId,
        instanceId: "ins-1" as InstanceId,
        placementEpoch: PLACE.placementEpoch,
      },
      signal: this.right.signal,
    });
    this.#server = createServer((request, response) => void site.request(request, response, visit()));
    this.#server.on("upgrade", (request, socket, head) => {
      this.#upgraded.add(socket);
      site.upgrade(request, socket, head, visit());
    });
    this.#server.listen(this.#port, "127.0.0.1");
    await once(this.#server, "listening");
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  #tunnels(): Tunnels {
    return {
      open: ({ port }) => {
        if (this.away !== null) return Promise.reject(new TunnelError("away", asReported(this.away)));
        const net = `--net=/proc/${this.door.pid}/ns/net`;
        const route = spawn("nsenter", [net, "/usr/bin/busybox", "nc", "127.0.0.1", String(port)], {
          stdio: ["pipe", "pipe", "ignore"],
        });
        route.stdin.on("error", () => undefined);
        const stream = Duplex.from({ readable: route.stdout, writable: route.stdin });
        stream.on("error", () => undefined);
        stream.once("close", () => route.kill("SIGKILL"));
        return Promise.resolve(stream);
      },
    };
  }
}

const SIZE = { columns: 80, rows: 24 };

/** A page as the gateway sees it: what is drawn, acknowledged unless it holds still, and what it was told. */
export class Page {
  readonly opened: Promise<unknown>;
  readonly closed: Promise<unknown>;
  readonly reported: FromGateway[] = [];
  drawn = "";
  bytes = 0;
  /** Of each piece that is drawn. */
  onDrawn: (piece: Buffer) => void = () => undefined;
  /** It does not say what it has drawn. */
  isStill = false;
  readonly #socket: WebSocket;
  #unsaid = 0;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    this.opened = once(socket, "open");
    this.closed = new Promise((resolve) => socket.once("close", resolve));
    socket.on("error", () => undefined);
    socket.on("message", (data: Buffer, isBinary: boolean) => {
      if (!isBinary) return void this.reported.push(JSON.parse(String(data)) as FromGateway);
      this.bytes += data.length;
      this.onDrawn(data);
      this.drawn = (this.drawn + String(data)).slice(-200_000);
      this.#unsaid += data.length;
      if (!this.isStill) this.goesOn();
    });
  }

  goesOn(): void {
    this.isStill = false;
    this.report({ kind: "ack", bytes: this.#unsaid });
    this.#unsaid = 0;
  }

  report(message: FromPage): void {
    this.#socket.send(JSON.stringify(message));
  }

  print(text: string): void {
    this.#socket.send(text);
  }

  types(text: string): void {
    this.#socket.send(Buffer.from(text));
  }

  draws(what: RegExp): Promise<boolean> {
    return eventually(() => what.test(this.drawn), {
      what: `${what} in ${JSON.stringify(this.drawn.slice(-600))} ${JSON.stringify(this.reported)}`,
    });
  }

  /** The name of its terminal, once it is open. */
  async tab(): Promise<string> {
    return eventually(() => this.reported.find((one) => one.kind === "opened")?.tab, {
      what: "an open terminal",
    });
  }

  async end(): Promise<FromGateway> {
    return eventually(() => this.reported.find((one) => one.kind === "ended"), {
      what: "the end of a terminal",
    });
  }

  close(): void {
    this.#socket.terminate();
  }
}
