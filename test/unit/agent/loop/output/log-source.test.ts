/** What is read of a run whose container the runtime loses while it reads its log. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { StoredOutput } from "@remotegpu/agent/journal/output/stored-output";
import { logOpener } from "@remotegpu/agent/loop/output/log-source";
import { UnreadableLogError } from "@remotegpu/agent/runtime/docker/runtime-error";
import type { OutputPiece } from "@remotegpu/agent/runtime/output/log-frames";
import type { RunNow } from "@remotegpu/agent/core/runs/run-view";
import type { RunId } from "@remotegpu/shared/values/ids";
import type { LogOpen } from "@remotegpu/shared/messages/sessions";

const RUN = "run-1" as RunId;
const CONTAINER = { containerId: "c1", status: { state: "exited" } } as unknown as RunNow["container"];
const OPEN = { runId: RUN, tailLines: null, follow: false } as LogOpen;

const line = (second: number, text: string): OutputPiece => ({
  output: "stdout",
  time: `2026-01-01T00:00:0${second}.000000000Z`,
  bytes: Buffer.from(`${text}\n`),
});
const LINES = [line(1, "one"), line(2, "two"), line(3, "three")];

async function* pieces(lines: readonly OutputPiece[]): AsyncGenerator<OutputPiece> {
  await Promise.resolve();
  yield* lines;
}

/** Reads the first line of the container, and then the runtime cannot go on. */
async function* brokenLog(): AsyncGenerator<OutputPiece> {
  yield* pieces(LINES.slice(0, 1));
  throw new UnreadableLogError("Error grabbing logs: open container.log: no such file or directory");
}

async function storedOutput(): Promise<StoredOutput> {
  const folder = mkdtempSync(join(tmpdir(), "log-source-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const stored = new StoredOutput({ folder: join(folder, "output"), wallMs: () => Date.now() });
  await stored.open();
  return stored;
}

async function readAll(stored: StoredOutput): Promise<string> {
  const runtime = { logs: brokenLog, serviceOutput: () => Promise.reject(new Error("none")) };
  const opener = logOpener({
    runtime: runtime as never,
    stored,
    runNow: () => ({ state: "over", container: CONTAINER }),
    wallMs: () => Date.now(),
  });
  const opening = await opener(OPEN, AbortSignal.timeout(10_000));
  if (!opening.opened) throw new Error(opening.why.code);
  let text = "";
  for await (const { bytes } of opening.pieces) text += Buffer.from(bytes).toString();
  return text;
}

test("the rest comes from the stored output, with nothing left out and nothing twice", async () => {
  const stored = await storedOutput();
  await stored.keep({ runId: RUN, containerId: "c1" }, pieces(LINES));

  expect(await readAll(stored)).toBe("one\ntwo\nthree\n");
});

test("an output that is stored nowhere breaks off as an error, and not as if it were whole", async () => {
  await expect(readAll(await storedOutput())).rejects.toThrow(UnreadableLogError);
});
