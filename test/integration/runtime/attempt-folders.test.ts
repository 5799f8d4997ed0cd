/** An attempt's own folder, whatever user the image names, and what attempts before have left, in real containers. */
import { mkdir, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { rankSpec } from "@remotegpu/control-plane/core/instances/desired-set";
import { importOnce, layBusyboxRoot } from "../../support/containers/docker.ts";
import { RuntimeUnderTest } from "../../support/containers/runtime.ts";
import { eventually } from "../../support/eventually.ts";
import { BUSYBOX_IMAGE, desiredOf } from "../../support/samples/desired-instance.ts";

const BY_NUMBER = "remotegpu-test/user-by-number:1";
const BY_NAME = "remotegpu-test/user-by-name:1";

let host: RuntimeUnderTest;

beforeAll(async () => {
  host = await RuntimeUnderTest.begin();
  await importOnce(BY_NUMBER, layBusyboxRoot, ["USER 1000"]);
  await importOnce(BY_NAME, layBusyboxRoot, ["USER user"]);
});
afterAll(() => host.end());

function attemptOf(
  job: string,
  { attempt, image, command }: Record<"image" | "command", string> & { attempt: number },
) {
  const spec = rankSpec(
    {
      id: job,
      network: "ws-1",
      image,
      cpuMilli: 1_000,
      memoryBytes: 64 * 2 ** 20,
      envVars: {},
      datasets: [],
      models: [],
      rank: 0,
      command,
      attempt,
      outputPath: "/gemini/output/",
      gang: null,
      distributedEnv: {},
      launch: null,
      code: null,
    },
    [],
  );
  return desiredOf(`${job}-${attempt}`, spec);
}

const outputOf = (job: string, ...path: string[]) =>
  join(host.poolRoot, "training-jobs", job, "output", ...path);

async function ended(containerId: string): Promise<void> {
  await eventually(async () => (await host.statusOf(containerId))?.state === "exited", {
    withinMs: 20_000,
    what: "the end of the command",
  });
}

test.each([
  ["nobody, so root", BUSYBOX_IMAGE, 0],
  ["1000 by number", BY_NUMBER, 1000],
  ["1000 by name", BY_NAME, 1000],
])(
  "an image whose USER is %s writes its output, below a folder that only root enters",
  async (_who, image, uid) => {
    const job = `job-${uid}-${image.length}`;

    await ended(
      await host.launch(
        attemptOf(job, {
          attempt: 1,
          image,
          command: "mkdir /gemini/output/a && id -u > /gemini/output/a/b",
        }),
      ),
    );

    expect((await stat(outputOf(job, "attempt-1", "a/b"))).uid).toBe(uid);
    expect((await stat(outputOf(job, "attempt-1"))).mode & 0o7777).toBe(0o1777);
    expect((await stat(outputOf(job))).mode & 0o7777).toBe(0o700);
  },
);

test("the next attempt's folder is empty, and it reads but does not change what those before left in this pool", async () => {
  const job = "job-views";
  await mkdir(outputOf(job, "attempt-1"), { recursive: true });
  await writeFile(outputOf(job, "attempt-1", "checkpoint"), "step 7\n");

  const containerId = await host.launch(
    attemptOf(job, { attempt: 3, image: BY_NUMBER, command: "sleep 600" }),
  );
  const seen = await host.sh(
    containerId,
    "ls /gemini/output /gemini/attempts; cat /gemini/attempts/attempt-1/checkpoint; " +
      "touch /gemini/attempts/attempt-1/new; grep ' /gemini/attempts/' /proc/mounts",
  );

  // The second attempt ran in another pool.
  expect(seen).toMatch(/^\/gemini\/attempts:\nattempt-1\n\n\/gemini\/output:\nstep 7\n/);
  expect(seen).toContain("Read-only file system");
  expect(seen).toMatch(/ \/gemini\/attempts\/attempt-1 \S+ ro,nosuid,nodev[, ]/);
  expect(await readdir(outputOf(job, "attempt-1"))).toEqual(["checkpoint"]);
});

test("the first attempt sees no attempts", async () => {
  const containerId = await host.launch(
    attemptOf("job-first", { attempt: 1, image: BUSYBOX_IMAGE, command: "sleep 600" }),
  );

  expect(await host.sh(containerId, "ls /gemini")).toBe("output\n");
});
