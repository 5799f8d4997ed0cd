/** One run of the canary, on a runtime of the test's own, and what of it outlasts a runtime that fails. */
import { expect, test } from "vitest";
import { ATTEMPTS } from "@remotegpu/agent/core/canary/attempts";
import { runCanary, type CanaryRunParts } from "@remotegpu/agent/loop/canary/canary-run";
import { RuntimeError } from "@remotegpu/agent/runtime/docker/runtime-error";
import { HostId } from "@remotegpu/shared/values/ids";
import { memoryLog } from "../../../../support/memory-log.ts";

/** All refused but a mount. */
const PRINTED = `${ATTEMPTS.map(({ name }) => `${name} ${name === "mount-proc" ? 0 : 1}\n`).join("")}end\n`;
class Scene {
  containers: string[] = [];
  removalError: Error | null = null;
  endError: Error | null = null;
  readonly log = memoryLog();

  run() {
    return runCanary({
      hostId: HostId.parse("host-a"),
      runtime: this.#runtime(),
      stateDir: "/var/lib/remotegpu",
      hostAddresses: () => ["192.0.2.7"],
      program: () => Promise.resolve(Buffer.from("program")),
      log: this.log,
    });
  }

  #runtime(): CanaryRunParts["runtime"] {
    return {
      images: { idOf: async () => "sha256:0", removeNamed: async () => {}, import: async () => "sha256:0" },
      socketPath: "/run/docker.sock",
      info: async () => ({ name: "docker" }),
      outOfReach: async () => ({ gateways: [], neighbours: [] }),
      canaries: async () => this.containers,
      create: async () => {
        this.containers = ["canary-1"];
        return "canary-1";
      },
      start: async () => {},
      ended: async () => {
        if (this.endError !== null) throw this.endError;
      },
      logs: async function* () {
        yield { output: "stdout", bytes: Buffer.from(PRINTED), time: "" } as const;
      },
      remove: async () => {
        if (this.removalError !== null) throw this.removalError;
        this.containers = [];
      },
    };
  }
}

test("its container is gone when its findings are there", async () => {
  const scene = new Scene();
  scene.containers = ["left by an earlier one"];

  expect(await scene.run()).toMatchObject({ succeeded: [{ attempt: "mount-proc" }] });
  expect([scene.containers, scene.log.lines]).toEqual([[], []]);
});

test("a success is found though the runtime does not remove its container, which is logged", async () => {
  const scene = new Scene();
  scene.removalError = new RuntimeError("device or resource busy");

  expect(await scene.run()).toMatchObject({ succeeded: [{ attempt: "mount-proc" }] });
  expect(scene.log.lines).toMatchObject([{ level: "warn", fields: { error: scene.removalError } }]);
});

test("why it could not be tried is not lost behind a removal that fails too", async () => {
  const scene = new Scene();
  scene.endError = new RuntimeError("it has not ended");
  scene.removalError = new RuntimeError("device or resource busy");

  await expect(scene.run()).rejects.toBe(scene.endError);
});

test("a container that is still not removed an hour later keeps the next one from being tried", async () => {
  const scene = new Scene();
  scene.removalError = new RuntimeError("device or resource busy");
  await scene.run();

  await expect(scene.run()).rejects.toBe(scene.removalError);
});
