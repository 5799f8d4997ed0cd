/**
 * The highest timeline of Postgres that was seen, in the state folder: so a process that starts while a former primary
 * alone answers does not take it for the primary.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Log } from "@remotegpu/shared/log";
import { z } from "zod";
import type { Timeline } from "./core/database/primary-choice.ts";
import type { TimelineMemory } from "./store/database/connection/primary-watch.ts";

const File = z.object({ system: z.string(), number: z.int().positive() });

/** @param log of what cannot be read or written: it is then known to this process alone */
export function timelineFile(stateDir: string, log: Log): TimelineMemory {
  const file = join(stateDir, "postgres-timeline.json");
  let seen: Timeline | null | undefined;
  return {
    read() {
      if (seen === undefined) seen = existsSync(file) ? readFrom(file, log) : null;
      return seen;
    },
    write(timeline) {
      seen = timeline;
      try {
        writeTo(file, timeline);
      } catch (error) {
        log.warn({ file, error }, "the timeline of Postgres cannot be written down");
      }
    },
  };
}

function readFrom(file: string, log: Log): Timeline | null {
  try {
    return File.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch (error) {
    log.warn({ file, error }, "the timeline of Postgres that was seen last cannot be read");
    return null;
  }
}

function writeTo(file: string, timeline: Timeline): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.new`, JSON.stringify(timeline));
  renameSync(`${file}.new`, file);
}
