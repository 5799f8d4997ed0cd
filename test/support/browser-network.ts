/**
 * A network for a browser alone. Chromium gives up what it is connecting whenever an interface comes or goes
 * (`ERR_NETWORK_CHANGED`), as they do with every container that a test beside it starts. Its way out is a SOCKS proxy
 * (RFC 1928, as much of it as Chromium asks for) in this process, which leads to this machine's loopback only.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const RELAY = new URL("../fixtures/browser-relay.ts", import.meta.url).pathname;
const VERSION = 5;
const CONNECT = 1;
const BY_NAME = 3;
/** Version and number of methods; version, command, a reserved byte and the kind of address. */
const GREETING_BYTES = 2;
const REQUEST_BYTES = 4;
const NO_AUTHENTICATION = Buffer.from([VERSION, 0]);
const CONNECTED = Buffer.from([VERSION, 0, 0, 1, 0, 0, 0, 0, 0, 0]);

export class BrowserNetwork implements AsyncDisposable {
  readonly #folder: string;
  readonly #proxy: Server;
  readonly #relay: ChildProcess;
  /** What goes before the command of a program that is to be in it. */
  readonly enters: readonly string[];
  readonly proxyUrl: string;

  static async begin(): Promise<BrowserNetwork> {
    const folder = mkdtempSync(join(tmpdir(), "remotegpu-browser-"));
    const path = join(folder, "proxy");
    const proxy = createServer((near) => void serve(near).catch(() => near.destroy())).listen(path);
    await once(proxy, "listening");
    const isUp = `ip link set lo up && exec "$@"`;
    const command = ["--net", "sh", "-c", isUp, "sh", process.execPath, RELAY, path];
    const relay = spawn("unshare", command, { stdio: ["ignore", "pipe", "inherit"] });
    const [port] = (await once(createInterface(relay.stdout), "line")) as [string];
    return new BrowserNetwork({ folder, proxy, relay, port });
  }

  private constructor(begun: { folder: string; proxy: Server; relay: ChildProcess; port: string }) {
    this.#folder = begun.folder;
    this.#proxy = begun.proxy;
    this.#relay = begun.relay;
    this.enters = ["/usr/bin/nsenter", `--net=/proc/${begun.relay.pid}/ns/net`];
    this.proxyUrl = `socks5://127.0.0.1:${begun.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#relay, "exit");
    this.#relay.kill("SIGKILL");
    await ended;
    this.#proxy.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Each message of the client comes by itself: it waits for the answer to the one before. */
async function serve(near: Socket): Promise<void> {
  near.on("error", () => undefined);
  const greeting = await read(near, GREETING_BYTES);
  await read(near, greeting[1] ?? 0);
  near.write(NO_AUTHENTICATION);
  const [version, command, , kind] = await read(near, REQUEST_BYTES);
  if (version !== VERSION || command !== CONNECT) throw new Error("this is no CONNECT of SOCKS 5");
  const [length = 0] = kind === BY_NAME ? await read(near, 1) : [kind === 1 ? 4 : 16];
  await read(near, length);
  const port = (await read(near, 2)).readUInt16BE();
  const far = connect({ host: "127.0.0.1", port });
  far.on("error", () => undefined).once("close", () => near.destroy());
  near.once("close", () => far.destroy());
  await once(far, "connect");
  near.write(CONNECTED);
  near.pipe(far).pipe(near);
}

async function read(socket: Socket, bytes: number): Promise<Buffer> {
  for (;;) {
    const found = bytes === 0 ? Buffer.alloc(0) : (socket.read(bytes) as Buffer | null);
    if (found !== null) return found;
    await once(socket, "readable");
  }
}
