/** `dataset put` and `model put`: reads what is here, has room looked at, sends what is missing, and has it checked. */
import {
  beginDatasetUpload,
  beginModelUpload,
  completeDatasetUpload,
  completeModelUpload,
} from "../../client/generated/api.ts";
import type { DataUpload } from "../../client/generated/api.schemas.ts";
import type { ApiClient } from "../framework/api-client.ts";
import { CliError } from "../framework/cli-error.ts";
import { sizeText } from "../framework/output.ts";
import { Progress } from "../files/transfer/progress.ts";
import { localFiles } from "../files/upload/local-tree.ts";
import { patiently } from "../files/transfer/patience.ts";
import { CHUNK_BYTES, readAll } from "../files/upload/read-files.ts";
import { sendFiles } from "./send-files.ts";

/** The dataset or model that files are put into. */
export interface DataTarget {
  kind: "dataset" | "model";
  id: string;
}

const UPLOADS = {
  dataset: { begin: beginDatasetUpload, complete: completeDatasetUpload },
  model: { begin: beginModelUpload, complete: completeModelUpload },
};

/** What scripts read of an upload. */
export interface PutResult {
  version: number;
  storage_pool: string;
  files: number;
  bytes: number;
  sent: number;
}

export interface Putting {
  api: ApiClient;
  target: DataTarget;
  from: Buffer;
  pool: string | undefined;
  followsLinks: boolean;
  streams: number;
  signal: AbortSignal;
}

/** @returns the sentence for people, and what scripts read */
export async function putData(putting: Putting): Promise<{ sentence: string; row: PutResult }> {
  const { api, target, from, pool, followsLinks, streams, signal } = putting;
  const files = await localFiles(from, { followsLinks });
  const reading = new Progress({ what: "reading", isByLines: true });
  const listed = await readAll(files, { progress: reading, signal }).finally(() => reading.end());
  const order = {
    manifest_sha256: listed.manifestSha256,
    merkle_root: listed.merkleRoot,
    total_size: listed.totalSize,
    file_count: files.length,
    ...(pool !== undefined && { storage_pool: pool }),
  };
  const begin = async () => await api.send(UPLOADS[target.kind].begin(target.id, order));
  const begun = await patiently(signal, begin);
  const { upload, version, storage_pool: storagePool } = begun;
  if (begun.chunk_size !== CHUNK_BYTES)
    throw new CliError("unavailable", "The server takes parts of another size; fetch its own command.");
  const reported = { version, storage_pool: storagePool, files: files.length, bytes: listed.totalSize };
  const all = `${files.length} file${files.length === 1 ? "" : "s"}, ${sizeText(listed.totalSize)}`;
  if (begun.status === "ready")
    return {
      sentence: `All of it is there already: version ${version} in storage pool ${storagePool} (${all}).`,
      row: { ...reported, sent: 0 },
    };
  const sending = new Progress({ what: "sending", isByLines: true });
  const sent =
    begun.status === "checking"
      ? 0
      : await sendFiles(listed, {
          api,
          target,
          upload,
          resumes: begun.had_size > 0,
          streams,
          progress: sending,
          signal,
        }).finally(() => sending.end());
  await checked(begun, putting, listed.totalSize);
  const part = sent === listed.totalSize ? "" : `, of which ${sizeText(sent)} went over`;
  return {
    sentence: `Version ${version} is ready in storage pool ${storagePool}: ${all}${part}.`,
    row: { ...reported, sent },
  };
}

/** Its host reads all of it; a check that is under way answers now and then with how far it is. */
async function checked(
  { upload }: DataUpload,
  { api, target, signal }: Putting,
  totalSize: number,
): Promise<void> {
  const progress = new Progress({ what: "checking on the host", isByLines: true });
  try {
    for (let before = 0; !signal.aborted;) {
      const complete = UPLOADS[target.kind].complete(target.id, { upload });
      const state = await patiently(signal, async () => await api.send(complete, { signal }));
      if (state.status === "ready") return;
      progress.moved(Math.max(0, state.checked_size - before), {
        name: "",
        rest: totalSize - state.checked_size,
      });
      before = Math.max(before, state.checked_size);
    }
    throw new CliError("refused", "It was ended.");
  } finally {
    progress.end();
  }
}
