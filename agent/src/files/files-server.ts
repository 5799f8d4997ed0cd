/**
 * The HTTP server of the files process, on a unix socket that only root can connect to: the access process hands its
 * connections to gateways of the control plane. Each request names a folder of the pool and a path within that.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { FILE_REFUSALS, FILE_TYPE_HEADER, MAX_FILES_PER_PAGE } from "@remotegpu/shared/messages/files";
import type { Log } from "@remotegpu/shared/log";
import { POOL_PROOF_ROUTE } from "@remotegpu/shared/proof/pool-proof";
import { MS_PER_DAY } from "@remotegpu/shared/values/units";
import { openSocketFile } from "../process/socket-file.ts";
import { type FileRequest, bytesIn, numberIn, pathIn, sendJson, sumIn } from "./entries/file-request.ts";
import { requestedFolder } from "./entries/requested-folder.ts";
import { DraftRoutes } from "./drafts/draft-routes.ts";
import { answerFile } from "./file-answer.ts";
import { listFolder } from "./folder-listing.ts";
import { pathOf } from "./entries/made-folders.ts";
import { sendTree, type TreeRequest } from "./folder-tree.ts";
import { HeldEntry } from "./entries/held-entry.ts";
import { serveProof } from "./pool-proofs.ts";
import { FileRefusal, refusalOf } from "./entries/refusal.ts";
import { removeTree } from "./entries/tree-removal.ts";
import { FilesInParts, type WholeFile } from "./writing/file-in-parts.ts";
import { putFile } from "./writing/put-file.ts";
import { WrittenBeside } from "./writing/written-beside.ts";

const MAX_CONNECTIONS = 512;
const HEADERS_WITHIN_MS = 10_000;
/** Of a client that neither sends nor takes anything. */
const SILENT_FOR_MS = 120_000;

export class FilesServer {
  readonly #poolRoot: string;
  readonly #server: Server;
  readonly #log: Log;
  readonly #drafts = new DraftRoutes();
  readonly #beside: WrittenBeside;
  readonly #inParts: FilesInParts;

  /** @param told.notes a folder for what is being written */
  constructor({ poolRoot, notes, log }: { poolRoot: string; notes: string; log: Log }) {
    this.#poolRoot = poolRoot;
    this.#beside = new WrittenBeside(notes);
    this.#inParts = new FilesInParts(this.#beside);
    const sweep = (isBegin: boolean) => this.#beside.sweep(poolRoot, { log, now: new Date(), isBegin });
    sweep(true);
    setInterval(() => sweep(false), MS_PER_DAY).unref();
    this.#log = log;
    // A file may take as long as it takes, as long as something moves.
    this.#server = createServer(
      { headersTimeout: HEADERS_WITHIN_MS, requestTimeout: 0 },
      (request, response) => {
        void this.#answer(request, response);
      },
    );
    this.#server.timeout = SILENT_FOR_MS;
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  /** @throws ControlSocketError */
  async open(path: string): Promise<void> {
    await openSocketFile(this.#server, path);
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.on("error", () => undefined);
    response.on("error", () => undefined);
    try {
      await this.#serve(request, response);
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal === null) this.#log.error({ error }, "a request for a file failed");
      refuse(request, response, refusal ?? new FileRefusal("failed", "pool-failing"));
    }
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams: query } = new URL(request.url ?? "/", "http://files");
    using pool = HeldEntry.root(this.#poolRoot);
    if (pathname === POOL_PROOF_ROUTE) return await serveProof(pool, query, { request, response });
    const fileRequest: FileRequest = { pool, folder: bytesIn(query, "folder"), query };
    switch (`${request.method} ${pathname}`) {
      case "GET /entry":
      case "HEAD /entry":
        return await readEntry(fileRequest, request, response);
      case "PUT /entry": {
        using folder = requestedFolder(fileRequest);
        const { steps } = pathIn(query, "path");
        const beside = { notes: this.#beside, folder: fileRequest.folder };
        await putFile(folder, { steps, isExecutable: query.has("executable"), beside }, request);
        return void response.writeHead(204).end();
      }
      case "DELETE /entry": {
        // Nothing is said while a tree is removed, however long that takes.
        request.socket.setTimeout(0);
        await removeEntry(fileRequest);
        return void response.writeHead(204).end();
      }
      case "PUT /part": {
        using root = requestedFolder(fileRequest);
        await this.#inParts.put(wholeFile(fileRequest, root), numberIn(query, "offset"), request);
        return void response.writeHead(204).end();
      }
      case "GET /parts": {
        // Nothing is said while a part is read, however slow its disk is.
        request.socket.setTimeout(0);
        using root = requestedFolder(fileRequest);
        return await this.#inParts.report(wholeFile(fileRequest, root), response);
      }
      case "POST /whole": {
        using root = requestedFolder(fileRequest);
        const state = await this.#inParts.complete(wholeFile(fileRequest, root), query.has("executable"));
        return sendJson(response, 200, state);
      }
      default:
        return await this.#drafts.serve(fileRequest, request, response);
    }
  }
}

function wholeFile({ folder, query }: FileRequest, root: HeldEntry): WholeFile {
  const { steps } = pathIn(query, "path");
  return { root, folder, steps, size: numberIn(query, "size"), sha256: sumIn(query, "sha256") };
}

async function readEntry(
  fileRequest: FileRequest,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { query } = fileRequest;
  using folder = requestedFolder(fileRequest);
  using held = folder.below(pathIn(query, "path").bytes);
  if (held.type !== "folder") return await answerFile(held, request, response);
  const tree = treeIn(query);
  if (tree !== null) return await sendTree(held, tree, response);
  response.setHeader(FILE_TYPE_HEADER, "folder");
  const listing = await listFolder(held, { after: bytesIn(query, "after"), limit: limitIn(query) });
  return sendJson(response, 200, listing);
}

async function removeEntry(fileRequest: FileRequest): Promise<void> {
  const { steps } = pathIn(fileRequest.query, "path");
  const last = steps.at(-1);
  if (last === undefined) throw new FileRefusal("bad-path", "file-path-not-removable");
  using folder = requestedFolder(fileRequest);
  using parent = folder.below(pathOf(steps.slice(0, -1)), { isFolder: true });
  // What is not there is told, unlike in what is removed along with something else.
  parent.below(last, { followsLinks: false }).close();
  await removeTree(parent, last);
}

function refuse(request: IncomingMessage, response: ServerResponse, refusal: FileRefusal): void {
  // Amid a file nothing more can be said than that it is not whole.
  if (response.headersSent) return void response.destroy();
  // What is still to come of a body is not waited for.
  if (!request.complete) response.setHeader("Connection", "close");
  for (const name of response.getHeaderNames()) if (name !== "connection") response.removeHeader(name);
  sendJson(response, FILE_REFUSALS[refusal.reason], refusal.body);
}

/** Null where one page of it is wanted. */
function treeIn(query: URLSearchParams): TreeRequest | null {
  if (!query.has("tree")) return null;
  return { bytesFromMs: query.has("bytesFrom") ? Number(query.get("bytesFrom")) : null };
}

function limitIn(query: URLSearchParams): number {
  const limit = Number(query.get("limit") ?? MAX_FILES_PER_PAGE);
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_FILES_PER_PAGE)
    throw new FileRefusal("bad-request", "file-page-limit-malformed");
  return limit;
}
