/**
 * `--watch`: a look that is taken again and again. A terminal shows the latest; a pipe gets what changed. It ends by Ctrl-C,
 * which its exit code says, as of whatever is ended by it.
 */
import { setTimeout as delay } from "node:timers/promises";
import { EXIT_CODES } from "../framework/cli-error.ts";
import type { Context } from "../framework/context.ts";

const EVERY_MS = 2_000;

export async function watched(
  context: Context,
  check: (context: Context) => Promise<void>,
  { everyMs = EVERY_MS, interrupted = new AbortController() } = {},
): Promise<void> {
  const interrupt = () => {
    process.exitCode = EXIT_CODES.interrupted;
    interrupted.abort();
  };
  process.once("SIGINT", interrupt);
  let visible: string | null = null;
  try {
    while (!interrupted.signal.aborted) {
      const text = await textOf(context, check);
      if (text !== visible) {
        context.output.clear?.();
        context.output.write(text);
      }
      visible = text;
      await delay(everyMs, undefined, { signal: interrupted.signal }).catch(() => undefined);
    }
  } finally {
    process.off("SIGINT", interrupt);
  }
}

async function textOf(context: Context, check: (context: Context) => Promise<void>): Promise<string> {
  const parts: string[] = [];
  const output = { ...context.output, nowMs: Date.now(), write: (text: string) => void parts.push(text) };
  await check({ api: context.api, where: context.where, output });
  return parts.join("");
}
