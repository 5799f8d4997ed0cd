/** Files of a backup: written once, on disk when that is said of them, and read against their lengths and hashes. */
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, open } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Transform, type Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { BackupError } from "./backup-error.ts";
import type { BackupFile } from "./manifest.ts";

/** `write` fills the sink and ends it. */
export async function writeChecked(
  folder: string,
  path: string,
  write: (sink: Writable) => Promise<void>,
): Promise<BackupFile> {
  const full = join(folder, path);
  await mkdir(dirname(full), { recursive: true, mode: 0o700 });
  const { meter, measured } = measuring();
  // `flush` has the file on disk before it is closed.
  const file = createWriteStream(full, { flags: "wx", mode: 0o600, flush: true });
  await Promise.all([write(meter), pipeline(meter, file)]);
  return { path, ...measured() };
}

/** A folder's entries outlast a power cut from now on. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** @throws BackupError naming the first file that is not what the manifest says */
export async function assertWhole(folder: string, files: readonly BackupFile[]): Promise<void> {
  for (const { path, bytes, sha256 } of files) {
    const { meter, measured } = measuring();
    meter.resume();
    await pipeline(createReadStream(join(folder, path)), meter).catch((cause: unknown) => {
      throw new BackupError(`${path} of the backup cannot be read; nothing was restored`, { cause });
    });
    const found = measured();
    if (found.bytes !== bytes)
      throw new BackupError(
        `${path} of the backup has ${found.bytes} bytes and not ${bytes}; nothing was restored`,
      );
    if (found.sha256 !== sha256)
      throw new BackupError(`${path} of the backup was changed since; nothing was restored`);
  }
}

function measuring(): { meter: Transform; measured: () => Pick<BackupFile, "bytes" | "sha256"> } {
  const hash = createHash("sha256");
  let bytes = 0;
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      bytes += chunk.length;
      done(null, chunk);
    },
  });
  return { meter, measured: () => ({ bytes, sha256: hash.digest("hex") }) };
}
