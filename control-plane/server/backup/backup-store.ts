/**
 * Where backups lie: a folder of this machine, or a remote of rclone (S3 and some seventy others). In a folder a backup gets
 * its name when it is whole; a remote knows no renaming, so the manifest, without which it is no backup, comes last.
 */
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { execa, ExecaError } from "execa";
import { BackupError } from "./backup-error.ts";
import { draftName, lockDraft, removeAbandoned } from "./draft-lock.ts";
import { syncFolder } from "./checked-files.ts";
import { MANIFEST } from "./manifest.ts";

const RCLONE = "rclone:";

interface Draft {
  path: string;
  /** Nobody writes it any more. */
  release(): void;
}

export interface BackupStore {
  /** A new and empty folder of this machine, in which the backup is made. What interrupted ones left is removed. */
  draft(name: string): Promise<Draft>;
  /** Answers where the whole backup lies. */
  publish(draft: string, name: string): Promise<string>;
  names(): Promise<string[]>;
  remove(name: string): Promise<void>;
}

/** @param to a folder, or `rclone:` and what rclone calls the place */
export function backupStore(to: string): BackupStore {
  return to.startsWith(RCLONE) ? remoteStore(to.slice(RCLONE.length)) : folderStore(resolve(to));
}

/** Hands a backup's folder on this machine to `work`; one of a remote is fetched for the time of it. */
export async function withBackup<T>(from: string, work: (folder: string) => Promise<T>): Promise<T> {
  if (!from.startsWith(RCLONE)) return await work(resolve(from));
  const folder = await temporaryFolder();
  try {
    await rclone(["copy", from.slice(RCLONE.length), folder]);
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function folderStore(folder: string): BackupStore {
  return {
    async draft(name) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await removeAbandoned(folder, new Date());
      const path = join(folder, draftName(name));
      const lock = await lockDraft(path);
      if (lock === null)
        throw new BackupError(`${path} is being written: another backup began in the same second`);
      await mkdir(path, { mode: 0o700 });
      return { path, release: () => lock.release() };
    },
    async publish(draft, name) {
      const path = join(folder, name);
      if (existsSync(path))
        throw new BackupError(`${path} is there already: another backup began in the same second`);
      await rename(draft, path);
      await syncFolder(folder);
      return path;
    },
    names: () => readdir(folder),
    remove: (name) => rm(join(folder, name), { recursive: true }),
  };
}

function remoteStore(remote: string): BackupStore {
  const at = (path: string) => `${remote}${/[:/]$/.test(remote) ? "" : "/"}${path}`;
  return {
    draft: async () => ({ path: await temporaryFolder(), release: () => undefined }),
    async publish(draft, name) {
      await rclone(["copy", "--exclude", `/${MANIFEST}`, draft, at(name)]);
      await rclone(["copyto", join(draft, MANIFEST), at(`${name}/${MANIFEST}`)]);
      await rm(draft, { recursive: true });
      return `${RCLONE}${at(name)}`;
    },
    async names() {
      const listed = await rclone(["lsf", "--dirs-only", remote]);
      return listed.split("\n").map((line) => line.replace(/\/$/, ""));
    },
    async remove(name) {
      await rclone(["purge", at(name)]);
    },
  };
}

async function temporaryFolder(): Promise<string> {
  return await mkdtemp(join(tmpdir(), "remotegpu-backup-"));
}

/** @throws BackupError with what rclone itself says */
async function rclone(args: readonly string[]): Promise<string> {
  try {
    return (await execa("rclone", ["--quiet", ...args])).stdout;
  } catch (error) {
    if (!(error instanceof ExecaError)) throw error;
    const reason = error.stderr === undefined || error.stderr === "" ? error.shortMessage : error.stderr;
    throw new BackupError(`rclone ${args[0] ?? ""}: ${reason}`, { cause: error });
  }
}
