/** `--wait`: looks again and again until what was ordered has come about, tells what it waits for, and ends with Ctrl-C. */
import { setTimeout as delay } from "node:timers/promises";
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { wholeNumber } from "../framework/arguments.ts";
import { CliError } from "../framework/cli-error.ts";
import { flag, optionOr } from "../framework/command.ts";
import { writeMessage } from "../terminal/outputs.ts";

const WAIT_POLL_MS = 500;
/** A large image takes its time; an order that finds no place would be waited for without end. */
export const WAIT_SECONDS = "1800";

export function waiting(what = "return when it is done") {
  return {
    wait: flag("--wait", what),
    timeout: optionOr(
      "--timeout <seconds>",
      "with --wait: give up after so long; the order stands",
      wholeNumber(),
      WAIT_SECONDS,
    ),
  };
}

/** Done with an answer, or not yet: what it waits for, and how it stands, each a sentence. */
export type WaitState<Answer> = { done: Answer } | { waitsFor: string | null; stands: string };

/**
 * @param goesOn the command that shows how it goes on
 * @param begins a sentence to tell first, once Ctrl-C is ours
 * @throws CliError past the bound and with Ctrl-C
 */
export async function waitUntil<Answer>(
  check: () => Promise<WaitState<Answer>>,
  { seconds, goesOn, begins }: { seconds: number; goesOn: string; begins?: string },
): Promise<Answer> {
  const deadline = performance.now() + seconds * MS_PER_SECOND;
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort();
  process.once("SIGINT", interrupt);
  let reported = "";
  try {
    if (begins !== undefined) writeMessage(`${begins}\n`);
    for (;;) {
      const seen = await check();
      if ("done" in seen) return seen.done;
      if (interrupted.signal.aborted) throw new CliError("interrupted", `It goes on: ${goesOn}`);
      if (seen.waitsFor !== null && seen.waitsFor !== reported) {
        reported = seen.waitsFor;
        writeMessage(`${reported}\n`);
      }
      if (performance.now() >= deadline)
        throw new CliError(
          "timedOut",
          `Waited ${seconds} s and stopped waiting; the order stands. ${seen.stands}`,
        );
      await delay(WAIT_POLL_MS, undefined, { signal: interrupted.signal }).catch(() => undefined);
    }
  } finally {
    process.off("SIGINT", interrupt);
  }
}
