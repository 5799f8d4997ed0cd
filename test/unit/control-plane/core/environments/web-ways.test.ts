import { expect, test } from "vitest";
import { type WebEnvironment, whyNoWay } from "@remotegpu/control-plane/core/environments/web-ways";
import { ENVIRONMENT_STATUSES } from "@remotegpu/shared/workload";

const environment = (change: Partial<WebEnvironment> = {}): WebEnvironment => ({
  name: "lab",
  status: "running",
  statusReason: null,
  switches: { ssh: true, jupyter: true, tensorboard: true, terminal: true },
  brings: ["shell", "notebook", "tensorboard"],
  ...change,
});

test.each(["jupyter", "tensorboard", "terminal", "ssh", 8000] as const)(
  "of one that runs and brings everything there is a way to %s",
  (target) => {
    expect(whyNoWay(environment(), target)).toBeNull();
  },
);

test("what is switched off is not there, whatever it does; a port has no switch", () => {
  const off = environment({
    status: "stopped",
    switches: { ssh: false, jupyter: false, tensorboard: false, terminal: false },
  });

  expect(whyNoWay(off, "jupyter")).toMatchObject({ kind: "not-there" });
  expect(whyNoWay({ ...off, status: "running" }, 8000)).toBeNull();
});

test("each status but running is one of starting or stopped", () => {
  const kinds = ENVIRONMENT_STATUSES.map((status) => [
    status,
    whyNoWay(environment({ status }), "jupyter")?.kind ?? null,
  ]);

  expect(Object.fromEntries(kinds)).toEqual({
    queued: "starting",
    creating: "starting",
    running: null,
    stopping: "stopped",
    restarting: "starting",
    stopped: "stopped",
    error: "stopped",
    deleting: "stopped",
  });
});

test.each([
  [["shell"], "Not in the image: it has no JupyterLab."],
  [["notebook"], null],
  // Nobody could look.
  [null, null],
])("an image that brings %j: %s", (brings, sentence) => {
  expect(whyNoWay(environment({ brings }), "jupyter")?.sentence ?? null).toBe(sentence);
});

test("what is stopped names the command that starts it, what starts says why it waits", () => {
  expect(whyNoWay(environment({ status: "stopped" }), 80)?.sentence).toContain("remotegpu env start lab");
  expect(
    whyNoWay(environment({ status: "queued", statusReason: "No host fits." }), 80)?.sentence,
  ).toContain("No host fits.");
});
