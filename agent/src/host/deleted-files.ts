/**
 * Finds deleted files that processes still have open or mapped, in the host's /proc, which no container can hide
 * anything from. Other programs do the walking, at a low priority and in bounded time: a process may have a million
 * descriptors, and a file system that stands still then holds up nothing of the agent.
 *
 * Not to be seen there: descriptors that were sent over a socket and not yet received, and those that only a ring of
 * io_uring holds (which Docker's own rules refuse to containers).
 */
import { readFile, readlink } from "node:fs/promises";
import { execa } from "execa";
import { MS_PER_SECOND } from "@remotegpu/shared/units";
import { openDeletedFiles, type OpenDeletedFile } from "../core/deleted-files.ts";
import { processTasks } from "./descriptor-tables.ts";

/** Of one look. A million descriptors take a few seconds. */
const LOOK_MS = 20_000;
/** Of what one look finds: about two hundred thousand files. */
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;
/** Threads with tables of their own, of one look. */
const MAX_TABLES = 20_000;

/** With all that they begin, at their end. */
const BOUNDED = ["nice", "-n", "10", "timeout", "-s", "KILL", String(LOOK_MS / MS_PER_SECOND)] as const;
/** A file of the image that its container deleted still has its name in there, and so a link: it takes nobody's room. */
const FIND = 'exec find -L "$@" -maxdepth 1 -type f -links 0 -printf "%D %i %b %p\\n"';
/**
 * A mapping of a file that is gone, on any device but 00:01: that is the kernel's own memory, which a program on a GPU
 * has many of. The name alone proves nothing, so each file is looked at after that.
 */
const MAPPED =
  "^[^ ]+ [^ ]+ [^ ]+ ([0-9a-f]*[1-9a-f][0-9a-f]*:[0-9a-f]+|0+:([0-9a-f]{3,}|0[02-9a-f]|[1-9a-f][0-9a-f])) .*\\(deleted\\)$";
const DELETED = " (deleted)";

/** Null where it would go beyond a bound: then nothing of it is known. */
export async function findDeletedFiles(pids: readonly number[]): Promise<OpenDeletedFile[] | null> {
  const tasks = pids.map((pid) => ({ pid, ...processTasks(pid) }));
  const tables = tasks.flatMap((task) => task.tables);
  if (tables.length > MAX_TABLES) return null;
  const memories = tasks.flatMap(({ memory }) => memory ?? []);
  const mapping = await outputOf(
    ["grep", "-l", "-s", "-E", "-e", MAPPED, "--"],
    memories.map((thread) => `/proc/${thread}/maps`),
  );
  if (mapping === null) return null;
  const mappers = mapping.split("\n").flatMap((path) => /^\/proc\/(\d+)\/maps$/.exec(path)?.[1] ?? []);
  const found = await outputOf(
    ["sh", "-c", FIND, "find"],
    [
      ...tables.map((thread) => `/proc/${thread}/fd`),
      ...mappers.map((thread) => `/proc/${thread}/map_files`),
    ],
  );
  if (found === null) return null;
  const processOf = new Map(
    tasks.flatMap(({ pid, tables: own, memory }) => [...own, memory ?? pid].map((thread) => [thread, pid])),
  );
  return openDeletedFiles(found, (thread) => processOf.get(thread) ?? thread);
}

/** Its last name, from the root of the container that has it open; null where nobody has it open any more. */
export async function lastNameOf({ link }: Pick<OpenDeletedFile, "link">): Promise<string | null> {
  const text = await readlink(link).catch(() => null);
  return text?.endsWith(DELETED) === true ? text.slice(0, -DELETED.length) : text;
}

/** Empty where the process is gone. */
export async function readMountinfo(pid: number): Promise<string> {
  return await readFile(`/proc/${pid}/mountinfo`, "utf8").catch(() => "");
}

async function outputOf(argv: readonly string[], paths: readonly string[]): Promise<string | null> {
  if (paths.length === 0) return "";
  const [program, ...rest] = [...BOUNDED, "xargs", "-0", "-r", ...argv];
  const result = await execa(program, rest, {
    reject: false,
    input: paths.map((path) => `${path}\0`).join(""),
    maxBuffer: MAX_OUTPUT_BYTES,
    // Whatever went away meanwhile is complained of there.
    stderr: "ignore",
  });
  // 123: one of its programs found nothing, or something went away under it.
  const isDone = result.exitCode !== undefined && result.exitCode <= 123 && !result.isMaxBuffer;
  return isDone ? result.stdout : null;
}
