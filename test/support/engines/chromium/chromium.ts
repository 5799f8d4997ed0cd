/**
 * Debian's Chromium without a window, for whoever connects to it. It has a network of its own, for two reasons: a page
 * reaches this machine's loopback and nothing else, and Chromium gives up what it is connecting whenever an interface comes
 * or goes (`ERR_NETWORK_CHANGED`), as they do with every container that a test beside it starts.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import type { Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ownedName } from "../../containers/owned-name.ts";
import { proxyToLoopback } from "./loopback-proxy.ts";

export const CHROMIUM = "/usr/bin/chromium";
/** Each context would start a process for a page that is never opened. */
const NO_SPARE_PROCESS = "--disable-features=SpareRendererForSitePerProcess";
const CONTAINED = new URL("../../../fixtures/contained-chromium.ts", import.meta.url).pathname;
/** The loopback of the new network is down at first. */
const IN_NETWORK = ["sh", "-c", `ip link set lo up && exec "$@"`, "sh"];
const IN_NAMESPACES = ["--net", "--pid", "--mount-proc", "--fork", "--kill-child", ...IN_NETWORK];

type Report = { proxyPort: number } | { endpoint: string };

export class Chromium implements AsyncDisposable {
  readonly #folder: string;
  readonly #process: ChildProcess;
  readonly #proxy: Server;
  /** Where its DevTools are. */
  readonly endpoint: string;
  /** Is fulfilled once it has ended, for whatever reason. */
  readonly ended: Promise<unknown>;

  static async start(): Promise<Chromium> {
    const folder = await mkdtemp(join(tmpdir(), `${ownedName("run")}chromium-`));
    const options = [process.execPath, CONTAINED, join(folder, "devtools"), CHROMIUM];
    const child = spawn("unshare", [...IN_NAMESPACES, ...options, ...(await optionsIn(folder))], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    const ended = once(child, "exit");
    const started = await Promise.race([reportsOf(child), ended.then(() => null)]);
    if (started !== null) return new Chromium({ folder, child, ended, ...started });
    await rm(folder, { recursive: true, force: true });
    throw new Error("Chromium ended before its DevTools could be reached");
  }

  private constructor(started: {
    folder: string;
    child: ChildProcess;
    ended: Promise<unknown>;
    proxy: Server;
    endpoint: string;
  }) {
    this.#folder = started.folder;
    this.#process = started.child;
    this.#proxy = started.proxy;
    this.endpoint = started.endpoint;
    this.ended = started.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.ended;
    this.#proxy.close();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** The socket of its proxy, and then where its DevTools are. */
async function reportsOf(child: ChildProcess): Promise<{ proxy: Server; endpoint: string }> {
  const [, proxy] = (await once(child, "message")) as [Report, Server];
  proxy.on("connection", (near) => void proxyToLoopback(near).catch(() => near.destroy()));
  const [report] = (await once(child, "message")) as [Report];
  if (!("endpoint" in report)) throw new Error("Chromium reported its proxy twice");
  return { proxy, endpoint: report.endpoint };
}

async function optionsIn(folder: string): Promise<string[]> {
  // Whoever needs no Chromium does not load what drives it.
  const { defaultArgs } = await import("puppeteer-core");
  return [
    ...(await defaultArgs({ userDataDir: join(folder, "profile"), args: [NO_SPARE_PROCESS] })),
    // The suite runs as root, where Chromium has no sandbox; it sees pages of the suite alone.
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--proxy-bypass-list=<-loopback>",
    "--remote-debugging-port=0",
  ];
}
