/** `dataset put` and `model put`: reads what is here, has room looked at, sends what is missing, and has it checked. */
import { z } from "zod";
import type { ApiClient, Row } from "../framework/api-client.ts";
import { CliError } from "../framework/cli-error.ts";
import { sizeText } from "../framework/output.ts";
import { Progress } from "../files/progress.ts";
import { localFiles } from "../files/local-tree.ts";
import { patiently } from "../files/patience.ts";
import { CHUNK_BYTES, readAll } from "../files/read-files.ts";
import { sendFiles } from "./send-files.ts";

const Upload = z.looseObject({
  upload: z.string(),
  version: z.number(),
  storage_pool: z.string(),
  status: z.enum(["uploading", "checking", "ready"]),
  chunk_size: z.number(),
  had_size: z.number(),
  checked_size: z.number(),
});
type Upload = z.output<typeof Upload>;

export interface Putting {
  api: ApiClient;
  route: string;
  from: Buffer;
  pool: string | undefined;
  followsLinks: boolean;
  streams: number;
  signal: AbortSignal;
}

/** @returns the sentence for people, and what scripts read */
export async function putData(putting: Putting): Promise<{ sentence: string; row: Row }> {
  const { api, route, from, pool, followsLinks, streams, signal } = putting;
  const files = await localFiles(from, { followsLinks });
  const reading = new Progress({ what: "reading", isByLines: true });
  const listed = await readAll(files, { progress: reading, signal }).finally(() => reading.end());
  const begun = await patiently(signal, async () =>
    Upload.parse(
      await api.post(`${route}/uploads`, {
        manifest_sha256: listed.manifestSha256,
        merkle_root: listed.merkleRoot,
        total_size: listed.totalSize,
        file_count: files.length,
        ...(pool !== undefined && { storage_pool: pool }),
      }),
    ),
  );
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
          route,
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
  { upload }: Upload,
  { api, route, signal }: Putting,
  totalSize: number,
): Promise<void> {
  const progress = new Progress({ what: "checking on the host", isByLines: true });
  try {
    for (let before = 0; !signal.aborted;) {
      const state = await patiently(signal, async () =>
        Upload.parse(await api.post(`${route}/complete`, { upload }, signal)),
      );
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
