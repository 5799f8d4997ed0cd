/**
 * Drafts of backups: who writes one holds its lock, which ends with the process however that ends, so the next backup
 * removes what a killed one left and nothing that is being written. The lock is of one machine; where several write into one
 * shared folder, the draft of another machine is removed when nothing in it has changed for a day.
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { readdir, rm, stat } from "node:fs/promises";
import { createServer } from "node:net";
import { hostname } from "node:os";
import { join } from "node:path";
import { MS_PER_DAY } from "@remotegpu/shared/values/units";

const DRAFT = /^remotegpu-\d{8}T\d{6}Z(?:\.([0-9a-f]{8}))?\.partial$/;
const MACHINE_ID = "/etc/machine-id";

export interface DraftLock {
  release(): void;
}

export function draftName(backup: string): string {
  return `${backup}.${thisMachine()}.partial`;
}

function thisMachine(): string {
  const id = existsSync(MACHINE_ID) ? readFileSync(MACHINE_ID, "utf8").trim() : "";
  return hashOf(id === "" ? hostname() : id).slice(0, 8);
}

/** Null where somebody on this machine holds it. `draft` is the folder's path; the folder itself need not be there. */
export async function lockDraft(draft: string): Promise<DraftLock | null> {
  const server = createServer((socket) => socket.destroy());
  try {
    server.listen(`\0remotegpu-backup-${hashOf(draft)}`);
    await once(server, "listening");
  } catch {
    return null;
  }
  server.unref();
  return { release: () => void server.close() };
}

/** Removes what interrupted backups left in the folder. */
export async function removeAbandoned(folder: string, now: Date): Promise<void> {
  for (const name of await readdir(folder)) {
    const match = DRAFT.exec(name);
    if (match === null) continue;
    const draft = join(folder, name);
    if (match[1] === thisMachine()) await removeUnlocked(draft);
    else if (now.getTime() - (await lastChange(draft)) > MS_PER_DAY)
      await rm(draft, { recursive: true, force: true });
  }
}

async function removeUnlocked(draft: string): Promise<void> {
  const lock = await lockDraft(draft);
  if (lock === null) return;
  await rm(draft, { recursive: true, force: true });
  lock.release();
}

async function lastChange(draft: string): Promise<number> {
  const names = await readdir(draft, { recursive: true });
  const paths = [draft, ...names.map((name) => join(draft, name))];
  const changed = await Promise.all(paths.map(async (path) => (await stat(path)).mtimeMs));
  return Math.max(...changed);
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
