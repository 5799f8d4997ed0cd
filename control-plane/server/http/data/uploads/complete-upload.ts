/** The end of an upload: its host checks every file against the list, and what agrees is what is mounted from then on. */
import { SealState } from "@remotegpu/shared/messages/files";
import { inEnglish } from "../../../core/reasons/english/english.ts";
import { asReported, type Reason } from "../../../core/reasons/reason.ts";
import type { DataKind, DataRow } from "../../../store/accounts/catalogue.ts";
import { transaction } from "../../../store/database/transaction.ts";
import type { CopyRow } from "../../../store/spending/data/copies.ts";
import { failUpload, finishUpload } from "../../../store/spending/data/uploads.ts";
import type { ApiContext } from "../../deps.ts";
import { requestPool, jsonOf, type PoolFile } from "../../files/pool-files.ts";
import { once } from "../../request/idempotency.ts";
import { ApiRefusal, badField, conflict } from "../../request/refusal.ts";
import { OtherListError } from "../sealed/manifest-lines.ts";
import { rootOfLists } from "../sealed/root-of-lists.ts";
import { ANOTHER, base64Of } from "./open-upload.ts";
import { uploadAnswer } from "./upload-shape.ts";

export async function complete(
  c: ApiContext,
  kind: DataKind,
  { entry, copy, place }: { entry: DataRow; copy: CopyRow; place: PoolFile },
) {
  const { deps } = c.var;
  // Whoever did not hear the answer asks again.
  if (copy.status === "ready")
    return await once(c, async () => c.json(uploadAnswer(copy, { status: "ready" }), 200));
  const name = { id: entry.id, copyId: copy.id, epoch: copy.epoch };
  let state: SealState & { rootHex: string | null };
  try {
    const sealed = await checked(c, place, copy);
    state = { ...sealed, rootHex: sealed.isSealed ? await rootOf(c, copy, sealed) : null };
  } catch (error) {
    if (error instanceof ApiRefusal && error.kind === "bad-input")
      await transaction(deps.db, (sql) => failUpload(sql, kind, { ...name, reason: refusalReason(error) }));
    throw error;
  }
  return await once(c, async (sql, afterwards) => {
    if (!state.isSealed)
      return c.json(uploadAnswer(copy, { status: "checking", checkedBytes: state.checkedBytes }), 200);
    const done = await finishUpload(sql, kind, { ...name, merkleRoot: state.rootHex, now: deps.now() });
    if (done === null) throw conflict(ANOTHER);
    // Whoever waited for it.
    afterwards(() => deps.link.wake());
    return c.json(uploadAnswer(done, { status: "ready", checkedBytes: state.checkedBytes }), 200);
  });
}

/** As the text of the refusal has it, with the field before what is wrong with it. */
function refusalReason({ reason, errors, message }: ApiRefusal): Reason {
  const ofFields = errors.map(({ path: field, reason: why }): Reason => ({
    code: "upload-refused",
    params: { field, why },
  }));
  return [reason, ...ofFields].find((one) => inEnglish(one) === message) ?? asReported(message);
}

/**
 * By which what is read of it is checked from now on: what whoever brought it said, or what follows of their own list of
 * files. Null where its host's agent makes no lists of parts yet.
 * @throws ApiRefusal of bad input where its host comes to another one
 */
async function rootOf(
  c: ApiContext,
  copy: CopyRow,
  { merkleRoot }: Pick<SealState, "merkleRoot">,
): Promise<string | null> {
  if (merkleRoot === undefined) return null;
  const found = Buffer.from(merkleRoot, "base64").toString("hex");
  const text = copy.merkleRoot ?? (await rootOfLists(c, copy).catch(whereDeleted));
  if (found === text) return found;
  throw badField("upload", "upload-parts-differ");
}

/** Its list is not there any more: it was deleted meanwhile, and is no host's fault. */
function whereDeleted(error: unknown): never {
  throw error instanceof OtherListError && error.notFound !== null ? error.notFound : error;
}

/** @throws ApiRefusal of bad input where its files are not what the list says, or the list not what was said of it */
async function checked(c: ApiContext, place: PoolFile, copy: CopyRow): Promise<SealState> {
  const answer = await requestPool(c, place, {
    method: "POST",
    route: "/seal",
    query: { manifest: base64Of(copy) },
  });
  const state = await jsonOf(answer, SealState);
  if (state.isSealed && (state.files !== copy.fileCount || state.checkedBytes !== copy.totalSize))
    throw badField("upload", {
      code: "upload-files-differ",
      params: {
        said_files: copy.fileCount,
        said_bytes: copy.totalSize,
        files: state.files,
        bytes: state.checkedBytes,
      },
    });
  return state;
}
