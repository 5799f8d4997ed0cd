/** Packs the code of a job: the same files are the same bytes, so that what was brought once is known again. */
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { join } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { MAX_CODE_BYTES, type PackedCode } from "@remotegpu/shared/instance/code";
import { TAR_END, type TarEntry, tarFilling, tarHeader } from "@remotegpu/shared/instance/tar-header";
import { CliError } from "../framework/cli-error.ts";
import { sizeText } from "../framework/output.ts";
import { safeText } from "../terminal/safe-text.ts";
import { type CodeFile, codeFiles } from "./code-files.ts";

/** @param to a file that is not there yet. @throws CliError where something in it cannot go along, or it is too much */
export async function packCode(top: string, to: string, signal: AbortSignal): Promise<PackedCode> {
  const files = await codeFiles(top);
  const hash = createHash("sha256");
  let bytes = 0;
  const counted = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      hash.update(chunk);
      done(bytes > MAX_CODE_BYTES ? tooMuch(files) : null, chunk);
    },
  });
  const tar = Readable.from(tarOf(top, files), { objectMode: false });
  await pipeline(tar, createGzip(), counted, createWriteStream(to, { flags: "wx", mode: 0o600 }), { signal });
  return { sha256: hash.digest("hex"), bytes };
}

async function* tarOf(top: string, files: readonly CodeFile[]): AsyncGenerator<Uint8Array> {
  for (const file of files) {
    yield tarHeader(entryOf(file));
    if (file.type !== "file") continue;
    let rest = file.bytes;
    for await (const chunk of createReadStream(join(top, file.path)) as AsyncIterable<Buffer>) {
      rest -= chunk.length;
      if (rest < 0) break;
      yield chunk;
    }
    if (rest !== 0)
      throw new CliError("usage", `${safeText(file.path)} changed while it was read; try again.`);
    yield new Uint8Array(tarFilling(file.bytes));
  }
  yield TAR_END;
}

function entryOf(file: CodeFile): TarEntry {
  const name = new TextEncoder().encode(file.type === "folder" ? `${file.path}/` : file.path);
  switch (file.type) {
    case "file":
      return { type: "file", name, bytes: file.bytes, isExecutable: file.isExecutable };
    case "folder":
      return { type: "folder", name };
    case "link":
      return { type: "link", name, target: new TextEncoder().encode(file.target) };
  }
}

function tooMuch(files: readonly CodeFile[]): CliError {
  const largest = files
    .flatMap((file) => (file.type === "file" ? [file] : []))
    .toSorted((a, b) => b.bytes - a.bytes)
    .slice(0, 3)
    .map(({ path, bytes }) => `${safeText(path)} (${sizeText(bytes)})`);
  return new CliError(
    "usage",
    `The code is more than ${MAX_CODE_BYTES / 1_000_000} MB packed. Leave out what is no code by .gitignore, and bring data as a dataset. The largest files: ${largest.join(", ")}.`,
  );
}
