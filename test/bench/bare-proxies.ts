/**
 * What a gateway is laid beside: a bare web server on this machine itself, and Debian's nginx and haproxy as plain proxies
 * before it or before others. Each ends with the bench.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/engines/free-ports.ts";

const SERVICE = new URL("../fixtures/web-service.ts", import.meta.url).pathname;
/** As long as a service's own may be. */
const HAPROXY_WAITS = "timeout connect 5s\n  timeout client 600s\n  timeout server 600s";

/** Answers its port. */
export async function bareService(ending: AsyncDisposableStack): Promise<number> {
  const port = await freePort();
  const service = spawn(process.execPath, [SERVICE, String(port)], { stdio: ["ignore", "pipe", "inherit"] });
  ending.defer(() => void service.kill("SIGKILL"));
  await once(service.stdout, "data");
  return port;
}

/** Answers its port. */
export async function nginxBefore(service: number, ending: AsyncDisposableStack): Promise<number> {
  const port = await freePort();
  const folder = throwawayFolder("nginx", ending);
  const file = join(folder, "nginx.conf");
  writeFileSync(
    file,
    `daemon off; worker_processes 2; pid ${folder}/pid; error_log stderr crit;
events { worker_connections 1024; }
http { access_log off; client_body_temp_path ${folder}; proxy_temp_path ${folder}; fastcgi_temp_path ${folder};
  uwsgi_temp_path ${folder}; scgi_temp_path ${folder}; keepalive_requests 1000000000; client_max_body_size 0;
  upstream service { server 127.0.0.1:${service}; keepalive 64; keepalive_requests 1000000000; }
  server { listen 127.0.0.1:${port};
    location / { proxy_pass http://service; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;
      proxy_request_buffering off; } } }`,
  );
  await startProxy({ command: ["nginx", "-p", folder, "-c", file], of: "nginx-light", port }, ending);
  return port;
}

/** Where a server is that haproxy leads to. */
export interface Server {
  address: string;
  port: number;
}

/** Leads to none until it is told to, by its own commands: as a script does that puts another version in an old one's place. */
export class Haproxy {
  readonly port: number;
  readonly #socket: string;

  private constructor(port: number, socket: string) {
    this.port = port;
    this.#socket = socket;
  }

  static async start(ending: AsyncDisposableStack): Promise<Haproxy> {
    const port = await freePort();
    const folder = throwawayFolder("haproxy", ending);
    const [file, socket] = [join(folder, "haproxy.cfg"), join(folder, "admin.sock")];
    writeFileSync(
      file,
      `global
  nbthread 2
  maxconn 4096
  stats socket ${socket} mode 600 level admin
defaults
  mode http
  ${HAPROXY_WAITS}
  retries 3
  option redispatch
frontend clients
  bind 127.0.0.1:${port}
  default_backend service
backend service
  balance leastconn
  http-reuse always
  option httpchk GET /health
  default-server check inter 500ms fall 2 rise 1
  server-template s 1-9 127.0.0.1:1 disabled
`,
    );
    await startProxy({ command: ["haproxy", "-db", "-q", "-f", file], of: "haproxy", port }, ending);
    return new Haproxy(port, socket);
  }

  /** @param slot from 1 to 9 */
  async enable(slot: number, { address, port }: Server): Promise<void> {
    await this.#command(`set server service/s${slot} addr ${address} port ${port}`);
    await this.#command(`enable server service/s${slot}`);
  }

  async disable(slot: number): Promise<void> {
    await this.#command(`disable server service/s${slot}`);
  }

  async #command(line: string): Promise<void> {
    const socket = connect(this.#socket);
    socket.end(`${line}\n`);
    const output = (await text(socket)).trim();
    // What it did it says nothing of, but for addresses that it changed.
    if (output !== "" && !output.includes("changed from")) throw new Error(`haproxy: ${line}: ${output}`);
  }
}

async function startProxy(
  { command: [program = "", ...args], of, port }: { command: string[]; of: string; port: number },
  ending: AsyncDisposableStack,
): Promise<void> {
  const proxy = spawn(program, args, { stdio: ["ignore", "ignore", "inherit"] });
  await once(proxy, "spawn").catch(() => {
    throw new Error(`${program} is not installed: apt-get install ${of}`);
  });
  ending.defer(async () => {
    // Whoever ends this bench from a terminal has ended it as well.
    if (proxy.exitCode !== null || proxy.signalCode !== null) return;
    const over = once(proxy, "exit");
    proxy.kill("SIGTERM");
    await over;
  });
  await eventually(
    async () =>
      await new Promise<boolean>((resolve) => {
        const socket = connect(port, "127.0.0.1");
        socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
        socket.once("connect", () => socket.destroy());
      }),
    { what: program },
  );
}

function throwawayFolder(of: string, ending: AsyncDisposableStack): string {
  const folder = mkdtempSync(join(tmpdir(), `remotegpu-${of}-`));
  ending.defer(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
