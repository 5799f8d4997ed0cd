/**
 * The folder in which `npm start` keeps everything. It carries a mark, and only a folder with the mark is ever used
 * or removed: a mistyped --state must not cost anybody's files, least of all as root.
 */
import { chmodSync, existsSync, mkdirSync, readdirSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { StartError } from "./start-error.ts";

export const START_FOLDER = "/var/lib/remotegpu/start";

const MARK = ".remotegpu-start";
const MARK_TEXT =
  "npm start of RemoteGPU keeps its state here; npm start -- --clean removes this whole folder.\n";

/**
 * Makes the folder, or takes it up again.
 * @throws StartError when it holds what is not ours
 */
export function claimStateFolder(folder: string): void {
  if (existsSync(folder) && !isOurs(folder) && entriesOf(folder).length > 0)
    throw new StartError(`${folder} holds files that npm start has not made. Give another --state.`);
  // Postgres runs as a user of its own and has to pass through here; what is secret inside is closed by itself. A
  // folder above one that somebody named is theirs and stays as it is.
  const ours = isDefault(folder) ? [dirname(START_FOLDER), START_FOLDER] : [folder];
  for (const one of ours) {
    mkdirSync(one, { recursive: true });
    chmodSync(one, 0o711);
  }
  writeFileSync(join(folder, MARK), MARK_TEXT);
}

/** @throws StartError when the folder does not carry our mark */
export function removeStateFolder(folder: string): void {
  if (!isOurs(folder))
    throw new StartError(
      `${folder} does not look like a folder of npm start (there is no ${MARK} in it), so it stays. Remove it yourself if it is yours to remove.`,
    );
  rmSync(folder, { recursive: true, force: true });
  // The folder above is ours too, unless an agent of this host lives there.
  const above = dirname(START_FOLDER);
  if (isDefault(folder) && readdirSync(above).length === 0) rmdirSync(above);
}

/** Earlier versions made no mark; what they kept beside the server's folder shows them as well. */
function isOurs(folder: string): boolean {
  if (existsSync(join(folder, MARK))) return true;
  return existsSync(join(folder, "kept.json")) && existsSync(join(folder, "control-plane", "operator.json"));
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (cause) {
    throw new StartError(`${folder} is no folder.`, { cause });
  }
}

function isDefault(folder: string): boolean {
  return resolve(folder) === START_FOLDER;
}
