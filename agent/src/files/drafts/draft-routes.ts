/** The requests by which a dataset or a model is brought: a draft is opened, its parts come, it is checked, a tree goes. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { stepsOf } from "../../core/files/relative-path.ts";
import { type FileRequest, numberIn, pathIn, sendJson, sumIn } from "../entries/file-request.ts";
import { requestedFolder } from "../entries/requested-folder.ts";
import { type Checked, type Checking, Checks } from "../entries/checks.ts";
import { hasCode } from "../entries/made-folders.ts";
import type { HeldEntry } from "../entries/held-entry.ts";
import { FileRefusal } from "../entries/refusal.ts";
import { sendChunkSums } from "../entries/chunk-sums.ts";
import { openDraft } from "./open-draft.ts";
import { draftOf, putChunk } from "./put-chunk.ts";
import { proveChunks } from "./prove-chunks.ts";
import { seal } from "./seal.ts";
import { removeTree } from "../entries/tree-removal.ts";
import { PendingWrites } from "../writing/pending-writes.ts";

export class DraftRoutes {
  readonly #writes = new PendingWrites();
  readonly #checks = new Checks();

  /** @throws FileRefusal, or the system's error */
  async serve(fileRequest: FileRequest, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pool, folder, query } = fileRequest;
    const { pathname } = new URL(request.url ?? "/", "http://files");
    // Nothing is said while a tree is walked, however long that takes.
    const patient = () => void request.socket.setTimeout(0);
    switch (`${request.method} ${pathname}`) {
      case "POST /draft": {
        patient();
        using version = versionIn(fileRequest, { isOptional: true });
        if (version !== null) await this.#checks.end(version);
        return sendJson(response, 200, await openDraft(pool, folder));
      }
      case "PUT /chunk": {
        using version = versionIn(fileRequest);
        const { steps } = pathIn(query, "path");
        const place = { steps, offset: numberIn(query, "offset"), size: numberIn(query, "size") };
        await putChunk(version, place, { request, writes: this.#writes });
        return void response.writeHead(204).end();
      }
      case "GET /chunks": {
        patient();
        using version = versionIn(fileRequest);
        using draft = draftOf(version);
        using held = draft.below(pathIn(query, "path").bytes, { followsLinks: false });
        return await sendChunkSums(held, response);
      }
      case "POST /seal": {
        using version = versionIn(fileRequest);
        const manifest = sumIn(query, "manifest");
        const work = (checking: Checking) => this.#seal(version, manifest, checking);
        return sendJson(response, 200, await this.#checks.request(version, manifest, work));
      }
      case "GET /proof": {
        using version = versionIn(fileRequest);
        const { steps } = pathIn(query, "path");
        const parts = { from: numberIn(query, "from"), count: numberIn(query, "count") };
        return sendJson(response, 200, await proveChunks(version, steps, parts));
      }
      case "DELETE /tree": {
        patient();
        await remove(fileRequest, this.#checks);
        return void response.writeHead(204).end();
      }
      default:
        throw new FileRefusal("bad-request", "file-request-unknown");
    }
  }

  async #seal(version: HeldEntry, manifest: string, checking: Checking): Promise<Checked> {
    // It may go on after the request that began it.
    using own = version.below(new Uint8Array(), { isFolder: true });
    return await seal(own, { manifest, writes: this.#writes, ...checking });
  }
}

function versionIn(fileRequest: FileRequest): HeldEntry;
function versionIn(fileRequest: FileRequest, request: { isOptional: true }): HeldEntry | null;
function versionIn(fileRequest: FileRequest, { isOptional = false } = {}): HeldEntry | null {
  try {
    return requestedFolder(fileRequest);
  } catch (cause) {
    if (!hasCode(cause, "ENOENT")) throw cause;
    if (isOptional) return null;
    throw new FileRefusal("changed", "upload-not-open", { cause });
  }
}

/** What is gone already is removed. */
async function remove(fileRequest: FileRequest, checks: Checks): Promise<void> {
  const steps = stepsOf(fileRequest.folder);
  const name = steps?.at(-1);
  if (steps === null || name === undefined) throw new FileRefusal("bad-path", "file-folder-not-removable");
  using tree = versionIn(fileRequest, { isOptional: true });
  if (tree === null) return;
  await checks.end(tree);
  const above = fileRequest.folder.subarray(0, Math.max(0, fileRequest.folder.length - name.length - 1));
  using parent = fileRequest.pool.below(above, { isFolder: true });
  await removeTree(parent, name);
}
