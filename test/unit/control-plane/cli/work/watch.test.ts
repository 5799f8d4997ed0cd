/** `--watch`: the same look again and again, into a terminal or a pipe. */
import { ApiClient } from "@remotegpu/control-plane/cli/framework/api-client";
import type { Context } from "@remotegpu/control-plane/cli/framework/context";
import { watched } from "@remotegpu/control-plane/cli/work/watch";
import { expect, onTestFinished, test } from "vitest";

const CLEAR = "emptied";

function quiet(): Context {
  return {
    api: new ApiClient({ server: "http://127.0.0.1:1", key: "k" }),
    where: {},
    output: { format: "table", width: null, nowMs: 0, write: () => undefined },
  };
}

/** What is written while these are looked at one after the other, until Ctrl-C at the last. */
async function writtenFor(checks: string[], width: number | null): Promise<string[]> {
  const written: string[] = [];
  const interrupted = new AbortController();
  const context: Context = {
    ...quiet(),
    output: {
      format: "table",
      width,
      nowMs: 0,
      write: (text) => void written.push(text),
      ...(width !== null && { clear: () => void written.push(CLEAR) }),
    },
  };
  let at = 0;
  const check = ({ output }: Context) => {
    expect(output.nowMs).toBeGreaterThan(0);
    output.write(`${checks[at] ?? ""}\n`);
    output.write("end\n");
    at += 1;
    if (at === checks.length) interrupted.abort();
    return Promise.resolve();
  };
  await watched(context, check, { everyMs: 1, interrupted });
  return written;
}

test("a terminal shows the latest alone, and is left as it is while nothing changes", async () => {
  expect(await writtenFor(["queued", "queued", "running"], 80)).toEqual([
    CLEAR,
    "queued\nend\n",
    CLEAR,
    "running\nend\n",
  ]);
});

test("a pipe gets what changed, without a word to a terminal", async () => {
  expect(await writtenFor(["queued", "running", "running", "queued"], null)).toEqual([
    "queued\nend\n",
    "running\nend\n",
    "queued\nend\n",
  ]);
});

test("Ctrl-C ends it, its exit code reports so, and nobody listens for another any more", async () => {
  const before = process.listeners("SIGINT");
  const { exitCode } = process;
  onTestFinished(() => void (process.exitCode = exitCode));
  const check = ({ output }: Context) => {
    output.write("running\n");
    for (const one of process.listeners("SIGINT")) if (!before.includes(one)) one("SIGINT");
    return Promise.resolve();
  };

  await watched(quiet(), check, { everyMs: 60_000 });

  expect(process.exitCode).toBe(130);
  expect(process.listeners("SIGINT")).toEqual(before);
});

test("a poll that fails ends it with that failure", async () => {
  await expect(watched(quiet(), () => Promise.reject(new Error("refused")))).rejects.toThrow("refused");
});
