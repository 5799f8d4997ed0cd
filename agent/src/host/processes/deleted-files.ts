/**
 * Finds deleted files that processes still have open, mapped or are executing, in the host's /proc, which no container
 * can hide anything from. Other programs do the walking, at a low priority and in bounded time: a process may have a
 * million descriptors. Only what the kernel calls deleted is asked about at its file system, which may stand still.
 *
 * Not to be seen there: descriptors that were sent over a socket and not yet received, and those that only a ring of
 * io_uring holds (which Docker's own rules refuse to containers).
 */
import { readFile, readlink } from "node:fs/promises";
import { setImmediate as yielded } from "node:timers/promises";
import { execa } from "execa";
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { openDeletedFile, type OpenDeletedFile } from "../../core/storage/deleted-files.ts";
import { processTasks } from "./descriptor-tables.ts";

/** Of each step of a look. A million descriptors take a few seconds. */
const STEP_MS = 20_000;
/** What is deleted, by its descriptors: about four hundred thousand. */
const MAX_OUTPUT_BYTES = 8 * 1024 * 1024;
/** Threads with tables of their own, of one look. */
const MAX_TABLES = 20_000;
/** With blocks on a disk, of one look. */
const MAX_FILES = 50_000;
/** Processes whose threads are looked at in one go. */
const PROCESSES_AT_ONCE = 64;

/** With all that they begin, at their end. */
const BOUNDED = ["nice", "-n", "10", "timeout", "-s", "KILL", String(STEP_MS / MS_PER_SECOND)] as const;
/** Of `find` 1 is something that went away under it. 255 is no exit code of its own: with it xargs ends and says so. */
const FAILING = "case $? in 0 | 1) exit 0 ;; *) exit 255 ;; esac";
/** Reads links alone, and so asks no file system. */
const LIST = `find "$@" -maxdepth 1 -lname "* (deleted)" -printf "%p\\0"; ${FAILING}`;
const FAILED = "failed";
/**
 * A file of the image that its container deleted still has its name in there, and so a link: it takes nobody's room. Nor
 * does one without blocks, of which there may be very many.
 */
const SIZE = `{ find -L "$@" -maxdepth 0 -type f -links 0 -printf "%D %i %b %p\\n"; case $? in 0 | 1) ;; *) echo ${FAILED} ;; esac; } | grep -v "^[0-9]* [0-9]* 0 "`;
/** Of any file, to see that these programs can do what is asked of them. */
const TRIED = ["/proc/self/exe"] as const;
const TRY = `find "$@" -maxdepth 1 -lname "*" -printf "%p\\0" && find -L "$@" -maxdepth 0 -type f -links +0 -printf "%D %i %b\\n" || exit 255`;
const TRY_ANSWER = /^\/proc\/self\/exe\0\d+ \d+ \d+$/;
/**
 * A mapping of a file that is gone, on any device but 00:01: that is the kernel's own memory, which a program on a GPU
 * has many of. The name alone proves nothing, so each file is looked at after that.
 */
const MAPPED =
  "^[^ ]+ [^ ]+ [^ ]+ ([0-9a-f]*[1-9a-f][0-9a-f]*:[0-9a-f]+|0+:([0-9a-f]{3,}|0[02-9a-f]|[1-9a-f][0-9a-f])) .*\\(deleted\\)$";
const DELETED = " (deleted)";
/** Names are bytes of any kind, and in another locale some of them match nothing. */
const ENVIRONMENT = { LC_ALL: "C" } as const;

export type DeletedFiles =
  | { kind: "found"; files: OpenDeletedFile[] }
  /** These processes have more open than is counted. */
  | { kind: "too-many" }
  /** Nothing is known, by no fault of theirs. */
  | { kind: "unseen"; detail: string };

export async function findDeletedFiles(pids: readonly number[]): Promise<DeletedFiles> {
  const lacking = await whatIsLacking();
  if (lacking !== null) return { kind: "unseen", detail: lacking };
  const tasks: { pid: number; tables: number[]; memory: number | null }[] = [];
  let tableCount = 0;
  for (const [index, pid] of pids.entries()) {
    if (index % PROCESSES_AT_ONCE === PROCESSES_AT_ONCE - 1) await yielded();
    const task = processTasks(pid);
    tableCount += task.tables.length;
    if (tableCount > MAX_TABLES) return { kind: "too-many" };
    tasks.push({ pid, ...task });
  }
  const memories = tasks.flatMap(({ memory }) => memory ?? []);
  const mapping = await outputOf(
    ["grep", "-l", "-s", "-E", "-e", MAPPED, "--"],
    memories.map((thread) => `/proc/${thread}/maps`),
  );
  if (mapping.kind !== "printed") return mapping;
  const mappers = mapping.text.split("\n").flatMap((path) => /^\/proc\/(\d+)\/maps$/.exec(path)?.[1] ?? []);
  const listed = await outputOf(
    ["sh", "-c", LIST, "find"],
    [
      ...tasks.flatMap(({ tables }) => tables.map((thread) => `/proc/${thread}/fd`)),
      ...memories.map((thread) => `/proc/${thread}/exe`),
      ...mappers.map((thread) => `/proc/${thread}/map_files`),
    ],
  );
  if (listed.kind !== "printed") return listed;
  const processOf = new Map(
    tasks.flatMap(({ pid, tables, memory }) => [...tables, memory ?? pid].map((thread) => [thread, pid])),
  );
  return await sizesOf(listed.text, (thread) => processOf.get(thread) ?? thread);
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

/** Each file once, by the first that has it; read line by line, so that the loop goes on meanwhile. */
async function sizesOf(paths: string, processOf: (thread: number) => number): Promise<DeletedFiles> {
  if (paths === "") return { kind: "found", files: [] };
  const files = new Map<string, OpenDeletedFile>();
  const child = started(["sh", "-c", SIZE, "find"], paths, { buffer: false });
  let isTooMany = false;
  let isFailed = false;
  for await (const line of child.iterable({ from: "stdout" })) {
    isFailed ||= line === FAILED;
    const file = openDeletedFile(line, processOf);
    if (file === null) continue;
    const key = `${file.device} ${file.inode}`;
    if (!files.has(key)) files.set(key, file);
    isTooMany = files.size > MAX_FILES;
    if (isTooMany) break;
  }
  if (isTooMany) return { kind: "too-many" };
  const { exitCode } = await child;
  return isDone(exitCode) && !isFailed ? { kind: "found", files: [...files.values()] } : unseen(exitCode);
}

type Printed = { kind: "printed"; text: string };

async function outputOf(
  argv: readonly string[],
  paths: readonly string[],
): Promise<Printed | Exclude<DeletedFiles, { kind: "found" }>> {
  if (paths.length === 0) return { kind: "printed", text: "" };
  const result = await started(argv, paths.map((path) => `${path}\0`).join(""), {
    maxBuffer: MAX_OUTPUT_BYTES,
  });
  if (result.isMaxBuffer) return { kind: "too-many" };
  return isDone(result.exitCode) ? { kind: "printed", text: result.stdout } : unseen(result.exitCode);
}

function started<Options extends { buffer: false } | { maxBuffer: number }>(
  argv: readonly string[],
  input: string,
  options: Options,
) {
  const [program, ...rest] = [...BOUNDED, "xargs", "-0", "-r", ...argv];
  return execa(program, rest, {
    reject: false,
    input,
    env: ENVIRONMENT,
    // Whatever went away meanwhile is complained of there.
    stderr: "ignore",
    ...options,
  });
}

/** 123: one of its programs found nothing, or something went away under it. */
function isDone(exitCode: number | undefined): boolean {
  return exitCode !== undefined && exitCode <= 123;
}

function unseen(exitCode: number | undefined): DeletedFiles & { kind: "unseen" } {
  const detail =
    exitCode === undefined
      ? `it was ended, after ${STEP_MS / MS_PER_SECOND} s or before`
      : `its programs ended with ${exitCode}`;
  return { kind: "unseen", detail };
}

let isTried = false;

/** Tried until it works, and once only then. */
async function whatIsLacking(): Promise<string | null> {
  if (isTried) return null;
  const answer = await outputOf(["sh", "-c", TRY, "find"], TRIED);
  const matching = await outputOf(["grep", "-l", "-s", "-E", "-e", ".", "--"], ["/proc/self/maps"]);
  isTried =
    answer.kind === "printed" &&
    TRY_ANSWER.test(answer.text) &&
    matching.kind === "printed" &&
    matching.text === "/proc/self/maps";
  return isTried ? null : "GNU find, xargs, grep, nice or timeout is missing or cannot do it";
}
