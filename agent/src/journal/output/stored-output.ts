/**
 * What ended containers wrote, kept in the state folder: a folder for each run, in it segments of records,
 * `about.json`, and `whole` unless something broke off. It is written whole under another name and then renamed, so a crash leaves no half of it: the
 * container is still there, and keeping it begins anew. Who has to go is decided in core/storage/output-limits.ts.
 */
import { createReadStream } from "node:fs";
import { mkdir, open, readdir, readFile, rename, rm, stat, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { RunId } from "@remotegpu/shared/values/ids";
import { z } from "zod";
import {
  hasRoomFor,
  outputsToDrop,
  SEGMENT_BYTES,
  segmentsToDrop,
  type StoredRun,
} from "../../core/storage/output-limits.ts";
import { RecordReader, recordBytes, type OutputRecord } from "./output-records.ts";

const ABOUT_FILE = "about.json";
const SEGMENT_FILE = /^([0-9]{6})\.log$/;
/** Being written; whole ones have the run's name alone. */
const UNFINISHED = ".unfinished";
const WRITE_BYTES = 64 * 1024;

const About = z.object({ containerId: z.string(), keptAtMs: z.number() });
/** An empty file that says so: making one takes no room on a full disk. */
const WHOLE_FILE = "whole";

export type KeepOutcome = { stored: true; bytes: number } | { stored: false; reason: string };

/** The disk failed or is full. What was written until then is kept. */
class OutputError extends Error {
  override name = "OutputError";
}

export class StoredOutput {
  readonly #folder: string;
  readonly #wallMs: () => number;

  constructor({ folder, wallMs }: { folder: string; wallMs: () => number }) {
    this.#folder = folder;
    this.#wallMs = wallMs;
  }

  /** Clears away what a crash left half written. Call before anything else. */
  async open(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    for (const name of await readdir(this.#folder))
      if (name.endsWith(UNFINISHED)) await rm(join(this.#folder, name), { recursive: true, force: true });
  }

  /** Whether a run's output is kept whole, of this container. */
  async has(runId: RunId, containerId: string): Promise<boolean> {
    const isWhole = (await sizeOf(join(this.#folder, runId, WHOLE_FILE))) !== null;
    return isWhole && (await this.#aboutOf(runId))?.containerId === containerId;
  }

  /** Whether anything of the run is kept. */
  async knows(runId: RunId): Promise<boolean> {
    return (await this.#aboutOf(runId)) !== null;
  }

  /**
   * Keeps the newest MAX_RUN_BYTES of what `records` yields. What breaks off (the source or the disk) is kept as far
   * as it came.
   * @throws what the source threw, or OutputError; after keeping what there was
   */
  async keep(
    { runId, containerId }: { runId: RunId; containerId: string },
    records: AsyncIterable<OutputRecord>,
  ): Promise<KeepOutcome> {
    await this.prune(SEGMENT_BYTES);
    if (
      !hasRoomFor(SEGMENT_BYTES, {
        storedBytes: await this.#storedBytes(),
        freeBytes: await this.#freeBytes(),
      })
    )
      return { stored: false, reason: "the disk is nearly full" };
    const unfinished = join(this.#folder, `${runId}${UNFINISHED}`);
    await rm(unfinished, { recursive: true, force: true });
    await mkdir(unfinished, { mode: 0o700 });
    // First, while there is surely room for it.
    const about: z.infer<typeof About> = { containerId, keptAtMs: this.#wallMs() };
    await writeFile(join(unfinished, ABOUT_FILE), JSON.stringify(about), { mode: 0o600 });
    const writer = new SegmentWriter(unfinished);
    let failure: unknown;
    try {
      for await (const record of records) await writer.write(record);
    } catch (error) {
      failure = error;
    }
    const isWritten = await writer.close();
    await this.#finish(runId, { isWhole: failure === undefined && isWritten });
    if (failure !== undefined) throw failure;
    if (!isWritten) throw new OutputError("the last lines of a run's output could not be written");
    return { stored: true, bytes: writer.bytes };
  }

  /**
   * What is kept of a run, oldest first; nothing where nothing is. A run that is dropped meanwhile ends early.
   * @param tailLines how many of the last lines; null for all
   * @param after only what was written after this moment
   */
  async *read(
    runId: RunId,
    { tailLines, after }: { tailLines: number | null; after: string | null },
  ): AsyncGenerator<OutputRecord> {
    if (tailLines === 0) return;
    let skipped = tailLines === null ? 0 : Math.max(0, (await this.#lineCount(runId)) - tailLines);
    for await (const record of this.#records(runId)) {
      if (skipped > 0) {
        if (endsLine(record)) skipped -= 1;
        continue;
      }
      if (after === null || record.time > after) yield record;
    }
  }

  /** Drops what is too old or too much. */
  async prune(comingBytes = 0): Promise<RunId[]> {
    const stored = await this.list();
    const freeBytes = await this.#freeBytes();
    const dropped = outputsToDrop(stored, { nowMs: this.#wallMs(), freeBytes, comingBytes });
    for (const runId of dropped) await rm(join(this.#folder, runId), { recursive: true, force: true });
    return dropped;
  }

  async list(): Promise<StoredRun[]> {
    const stored: StoredRun[] = [];
    for (const name of await readdir(this.#folder)) {
      const runId = RunId.safeParse(name).data;
      if (runId === undefined) continue;
      const sizes = await Promise.all((await this.#segmentsOf(runId)).map((path) => sizeOf(path)));
      const bytes = sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0);
      // One that says nothing about itself is as old as it can be: it goes first.
      stored.push({ runId, bytes, storedAtMs: (await this.#aboutOf(runId))?.keptAtMs ?? 0 });
    }
    return stored;
  }

  /** The last line counts also where it has no end. */
  async #lineCount(runId: RunId): Promise<number> {
    let lines = 0;
    let isOpen = false;
    for await (const record of this.#records(runId)) {
      isOpen = !endsLine(record);
      if (!isOpen) lines += 1;
    }
    return isOpen ? lines + 1 : lines;
  }

  async *#records(runId: RunId): AsyncGenerator<OutputRecord> {
    for (const path of await this.#segmentsOf(runId)) {
      const reader = new RecordReader();
      const stream = createReadStream(path);
      try {
        for await (const chunk of stream as AsyncIterable<Buffer>) yield* reader.read(chunk);
      } catch (error) {
        if (!isMissing(error)) throw error;
        return;
      }
    }
  }

  async #segmentsOf(runId: RunId): Promise<string[]> {
    const folder = join(this.#folder, runId);
    const names = await readdir(folder).catch((error: unknown) => {
      if (isMissing(error)) return [];
      throw error;
    });
    return names
      .filter((name) => SEGMENT_FILE.test(name))
      .toSorted()
      .map((name) => join(folder, name));
  }

  async #aboutOf(runId: RunId): Promise<z.infer<typeof About> | null> {
    const text = await readFile(join(this.#folder, runId, ABOUT_FILE), "utf8").catch((error: unknown) => {
      if (isMissing(error)) return null;
      throw error;
    });
    return text === null ? null : aboutIn(text);
  }

  async #storedBytes(): Promise<number> {
    return (await this.list()).reduce((sum, { bytes }) => sum + bytes, 0);
  }

  async #freeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(this.#folder);
    return bavail * bsize;
  }

  /** Makes what was written the run's, or leaves nothing of it behind. @throws OutputError */
  async #finish(runId: RunId, { isWhole }: { isWhole: boolean }): Promise<void> {
    const unfinished = join(this.#folder, `${runId}${UNFINISHED}`);
    try {
      if (isWhole) await writeFile(join(unfinished, WHOLE_FILE), "", { mode: 0o600 });
      await rm(join(this.#folder, runId), { recursive: true, force: true });
      await rename(unfinished, join(this.#folder, runId));
    } catch (cause) {
      await rm(unfinished, { recursive: true, force: true });
      throw new OutputError("the output of a run could not be kept", { cause });
    }
  }
}

/** Writes records into numbered segments and drops the oldest ones. */
class SegmentWriter {
  readonly #folder: string;
  readonly #sizes = new Map<number, number>();
  #number = 0;
  #file: Awaited<ReturnType<typeof open>> | null = null;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  get bytes(): number {
    return [...this.#sizes.values()].reduce((sum, size) => sum + size, 0);
  }

  /** @throws OutputError */
  async write(record: OutputRecord): Promise<void> {
    const bytes = recordBytes(record);
    const isFull = (this.#sizes.get(this.#number) ?? 0) + this.#waitingBytes + bytes.length > SEGMENT_BYTES;
    if (this.#file === null || isFull) await this.#begin();
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (this.#waitingBytes >= WRITE_BYTES) await this.#flush();
  }

  /** False when the disk did not take the last of it; what was written before stands. */
  async close(): Promise<boolean> {
    const file = this.#file;
    if (file === null) return true;
    try {
      await this.#flush();
      await file.sync();
      return true;
    } catch {
      return false;
    } finally {
      this.#file = null;
      await file.close();
    }
  }

  async #begin(): Promise<void> {
    await this.#flush();
    await this.#file?.close();
    for (const number of segmentsToDrop([...this.#sizes.keys()])) {
      await rm(this.#path(number), { force: true });
      this.#sizes.delete(number);
    }
    this.#number += 1;
    this.#sizes.set(this.#number, 0);
    this.#file = await open(this.#path(this.#number), "w", 0o600);
  }

  async #flush(): Promise<void> {
    if (this.#file === null || this.#waitingBytes === 0) return;
    const bytes = Buffer.concat(this.#waiting);
    this.#waiting = [];
    this.#waitingBytes = 0;
    try {
      await this.#file.writeFile(bytes);
    } catch (cause) {
      throw new OutputError("the output of a run could not be written whole", { cause });
    }
    this.#sizes.set(this.#number, (this.#sizes.get(this.#number) ?? 0) + bytes.length);
  }

  #path(number: number): string {
    return join(this.#folder, `${String(number).padStart(6, "0")}.log`);
  }
}

/** The runtime cuts lines beyond 16 KiB: only the last piece of such a line ends it. */
function endsLine({ bytes }: OutputRecord): boolean {
  return bytes.at(-1) === 0x0a;
}

function aboutIn(text: string): z.infer<typeof About> | null {
  try {
    return About.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    // A file that lost its end in a crash says nothing.
    return null;
  }
}

/** Null where there is no such file. */
async function sizeOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
