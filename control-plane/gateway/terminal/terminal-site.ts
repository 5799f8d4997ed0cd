/**
 * The terminal's origin: its page, with the files that it is made of, and the WebSocket of each page. Who may come here,
 * and from where, was decided before.
 */
import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocketServer } from "ws";
import type { HostId, InstanceId } from "@remotegpu/shared/values/ids";
import type { Log } from "@remotegpu/shared/log";
import { escaped } from "../answers/answers.ts";
import { sendFinalResponse } from "../answers/final-response.ts";
import type { Entry } from "../../server/core/gateway/entry.ts";
import { ICON } from "../answers/icon.ts";
import { INPUT_WINDOW } from "../../server/core/gateway/terminal/terminal-protocol.ts";
import { inEnglish } from "../../server/core/reasons/english/english.ts";
import { reasonOf } from "../../server/core/reasons/plain-reason.ts";
import type { PlainCode } from "../../server/core/reasons/reason.ts";
import { plainAddressOf } from "../entry/client.ts";
import { pageFiles, type PageFiles } from "./page-files.ts";
import { enter, type EntryDeps } from "./ssh-entry.ts";
import { serveTab } from "./terminal-tab.ts";
import type { TerminalSessions } from "./terminal-sessions.ts";

/** The tabs of one environment at one gateway. */
const MAX_TABS = 32;
const SOCKET_PATH = "/socket";
/** Answers whoever may come in, with nothing: a page whose WebSocket was refused asks here why. */
const STATE_PATH = "/state";

/** What the terminal needs of a visit. */
interface TerminalVisit {
  entry: Entry;
  environment: {
    id: string;
    name: string;
    hostId: HostId;
    instanceId: InstanceId;
    placementEpoch: number;
  };
  signal: AbortSignal;
}

interface TerminalDeps extends EntryDeps {
  sessions: Pick<TerminalSessions, "begin">;
  /** The gateway speaks plain HTTP: whoever forwards to it from this machine tells who asks. */
  isBehindProxy: boolean;
  log: Log;
}

export class TerminalSite {
  readonly #deps: TerminalDeps;
  readonly #files: () => Promise<PageFiles | null>;
  readonly #sockets = new WebSocketServer({
    noServer: true,
    maxPayload: INPUT_WINDOW,
    perMessageDeflate: false,
    clientTracking: false,
  });
  readonly #taken = new Map<string, { names: Set<string>; tabs: number }>();

  constructor(deps: TerminalDeps) {
    this.#deps = deps;
    this.#files = pageFiles(deps.log);
  }

  async request(request: IncomingMessage, response: ServerResponse, visit: TerminalVisit): Promise<void> {
    const path = request.url?.split("?")[0];
    if (request.method !== "GET" && request.method !== "HEAD")
      return plain(response, 405, "terminal-page-read-only", { Allow: "GET, HEAD" });
    if (path === STATE_PATH) return void response.writeHead(204, SAFE).end();
    const files = await this.#files();
    if (files === null) return plain(response, 503, "terminal-page-not-built");
    if (path === "/") return sendPage(request, response, files.page, visit.environment.name);
    const file = path === undefined ? undefined : files.byPath.get(path);
    if (file === undefined) return plain(response, 404, "terminal-path-unknown");
    const headers = { ...SAFE, "Cache-Control": "no-cache", ETag: file.etag };
    if (request.headers["if-none-match"] === file.etag) return void response.writeHead(304, headers).end();
    response.writeHead(200, { ...headers, "Content-Type": file.type, "Content-Length": file.body.length });
    response.end(request.method === "HEAD" ? undefined : file.body);
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, visit: TerminalVisit): void {
    const { id, hostId, instanceId, placementEpoch } = visit.environment;
    const known = this.#taken.get(id) ?? { names: new Set<string>(), tabs: 0 };
    // A terminal is shared with nobody, so whoever may come here is known.
    if (visit.entry.kind !== "person") return refuse(socket, 404);
    const { customerId, keyId } = visit.entry;
    const from = plainAddressOf(request, this.#deps.isBehindProxy);
    if (request.url?.split("?")[0] !== SOCKET_PATH) return refuse(socket, 404);
    if (known.tabs >= MAX_TABS) return refuse(socket, 429);
    this.#sockets.handleUpgrade(request, socket, head, (page) => {
      known.tabs += 1;
      this.#taken.set(id, known);
      const to = { environmentId: id, placementEpoch, hostId, instanceId };
      serveTab({
        page,
        enter: () => enter(this.#deps, to),
        reported: (cut) =>
          this.#deps.sessions.begin(
            { environmentId: id, instanceId, placementEpoch, from, customerId, keyId },
            cut,
          ),
        taken: known.names,
        signal: visit.signal,
      })
        .catch((error: unknown) => {
          this.#deps.log.error({ error, environment: id }, "a terminal failed");
          page.terminate();
        })
        .finally(() => {
          known.tabs -= 1;
          if (known.tabs === 0) this.#taken.delete(id);
        });
    });
  }
}

const SAFE = {
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
};

/** Scripts come from this origin alone. xterm.js writes styles into the page, which have this page's word. */
function sendPage(request: IncomingMessage, response: ServerResponse, page: string, name: string): void {
  const nonce = randomBytes(16).toString("base64");
  const body = Buffer.from(
    page
      .replace("NONCE", nonce)
      .replace("ICON", ICON)
      .replace("TITLE", () => escaped(name)),
  );
  response.writeHead(200, {
    ...SAFE,
    "Content-Type": "text/html; charset=utf-8",
    "Content-Length": body.length,
    "Cache-Control": "no-store",
    "Content-Security-Policy": [
      "default-src 'none'",
      "script-src 'self'",
      `style-src 'self' 'nonce-${nonce}'`,
      "connect-src 'self'",
      "img-src 'self' data:",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ].join("; "),
  });
  response.end(request.method === "HEAD" ? undefined : body);
}

function plain(
  response: ServerResponse,
  status: number,
  code: PlainCode,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { ...SAFE, ...headers, "Content-Type": "text/plain; charset=utf-8" });
  response.end(`${inEnglish(reasonOf(code))}\n`);
}

function refuse(socket: Duplex, status: 404 | 429): void {
  const reason = status === 404 ? "Not Found" : "Too Many Requests";
  sendFinalResponse(socket, `HTTP/1.1 ${status} ${reason}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
}
