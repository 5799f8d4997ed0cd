/**
 * The versions of what this host runs containers with, for the report. They are read a while after the start, once an
 * hour, and when the runtime is another one; sooner where it failed. What was read before stays. Nobody waits for them.
 */
import { isDeepStrictEqual } from "node:util";
import type { HostVersions } from "@remotegpu/shared/messages/host-versions";
import type { Log } from "@remotegpu/shared/log";
import { MS_PER_HOUR, MS_PER_MINUTE, MS_PER_SECOND } from "@remotegpu/shared/values/units";
import type { RuntimeProgram } from "../../host/versions/host-versions.ts";

export const READ_VERSIONS_EVERY_MS = MS_PER_HOUR;
/** A package manager may be busy with an update just then. */
export const READ_AGAIN_AFTER_MS = 5 * MS_PER_MINUTE;
/** Taking over what runs comes first. */
export const FIRST_READ_AFTER_MS = 10 * MS_PER_SECOND;

export class VersionWatch {
  readonly #read: (runtime: RuntimeProgram) => Promise<HostVersions>;
  readonly #wake: () => void;
  readonly #log: Log;
  #versions: HostVersions | null = null;
  #firstRoundMs: number | null = null;
  #last: { atMs: number; runtime: string; hasFailed: boolean } | null = null;
  #isReading = false;

  constructor({
    read,
    wake,
    log,
  }: {
    read: (runtime: RuntimeProgram) => Promise<HostVersions>;
    /** The report has something new. */
    wake: () => void;
    log: Log;
  }) {
    this.#read = read;
    this.#wake = wake;
    this.#log = log;
  }

  /** As last read; null before that. */
  get versions(): HostVersions | null {
    return this.#versions;
  }

  /** @param runtime null while it does not answer: then nothing is read. Resolves when what was due is done. */
  async readWhenDue(nowMs: number, runtime: RuntimeProgram | null): Promise<void> {
    this.#firstRoundMs ??= nowMs;
    if (runtime === null || this.#isReading || !this.#isDue(nowMs, runtime)) return;
    this.#isReading = true;
    const last = { atMs: nowMs, runtime: nameOf(runtime), hasFailed: false };
    this.#last = last;
    try {
      const versions = await this.#read(runtime);
      if (isDeepStrictEqual(versions, this.#versions)) return;
      this.#versions = versions;
      this.#wake();
    } catch (error) {
      last.hasFailed = true;
      this.#log.warn(
        { error },
        "the versions of this host's programs cannot be read; tried again in five minutes",
      );
    } finally {
      this.#isReading = false;
    }
  }

  #isDue(nowMs: number, runtime: RuntimeProgram): boolean {
    const last = this.#last;
    if (last === null) return nowMs - (this.#firstRoundMs ?? nowMs) >= FIRST_READ_AFTER_MS;
    const everyMs = last.hasFailed ? READ_AGAIN_AFTER_MS : READ_VERSIONS_EVERY_MS;
    return nowMs - last.atMs >= everyMs || last.runtime !== nameOf(runtime);
  }
}

/** What a restart with another version changes. */
function nameOf({ name, version, ociRuntime }: RuntimeProgram): string {
  return [name, version, ociRuntime.name, ociRuntime.path ?? ""].join(" ");
}
