/** `--wait`: what is told while it waits, and how waiting ends. */
import { CliError } from "@remotegpu/control-plane/cli/framework/cli-error";
import { type WaitState, waitUntil } from "@remotegpu/control-plane/cli/work/wait";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

let output = "";
beforeEach(() => {
  output = "";
  vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    output += String(text);
    return true;
  });
});
afterEach(() => void vi.restoreAllMocks());

const bounds = { seconds: 60, goesOn: "remotegpu env show lab --watch" };
const notYet: WaitState<string> = { waitsFor: "Waiting for a place.", stands: "It is queued." };

function checks(...seen: WaitState<string>[]) {
  return () => Promise.resolve(seen.length > 1 ? (seen.shift() ?? notYet) : (seen[0] ?? notYet));
}

test("each thing that it waits for is reported once, and then the answer", async () => {
  const fetching: WaitState<string> = { waitsFor: "The image is fetched.", stands: "" };

  const waiting = waitUntil(checks(notYet, notYet, fetching, { done: "there" }), {
    ...bounds,
    begins: "It is ordered.",
  });

  expect(await waiting).toBe("there");
  expect(output).toBe("It is ordered.\nWaiting for a place.\nThe image is fetched.\n");
});

test("Ctrl-C ends the waiting with the command that shows how it goes on, and is the process's own again", async () => {
  const before = process.listeners("SIGINT");
  const waiting = waitUntil(checks(notYet), bounds);
  const [interrupt] = process.listeners("SIGINT").filter((one) => !before.includes(one));

  interrupt?.("SIGINT");

  await expect(waiting).rejects.toEqual(new CliError("interrupted", `It goes on: ${bounds.goesOn}`));
  expect(process.listeners("SIGINT")).toEqual(before);
});

test("what comes about in the moment of Ctrl-C is reported", async () => {
  const before = process.listeners("SIGINT");
  const waiting = waitUntil(checks({ done: "there" }), bounds);

  for (const one of process.listeners("SIGINT")) if (!before.includes(one)) one("SIGINT");

  expect(await waiting).toBe("there");
});

test("past its bound it stops waiting, and reports the order's status", async () => {
  const waiting = waitUntil(checks(notYet), { ...bounds, seconds: 0 });

  await expect(waiting).rejects.toMatchObject({
    kind: "timedOut",
    message: "Waited 0 s and stopped waiting; the order stands. It is queued.",
  });
});
