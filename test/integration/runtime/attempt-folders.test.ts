/** An attempt's own folder, whatever user the image names, and what attempts before have left, in real containers. */
import { mkdir, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { RuntimeUnderTest } from "../../support/containers/runtime.ts";
import {
  importUserImages,
  USER_BY_NAME,
  USER_BY_NUMBER,
} from "../../support/containers/images/user-images.ts";
import { eventually } from "../../support/eventually.ts";
import { BUSYBOX_IMAGE } from "../../support/samples/desired-instance.ts";
import { jobRank } from "../../support/samples/job-ranks.ts";

let host: RuntimeUnderTest;

beforeAll(async () => {
  host = await RuntimeUnderTest.begin();
  await importUserImages();
});
afterAll(() => host.end());

const outputOf = (job: string, ...path: string[]) =>
  join(host.poolRoot, "training-jobs", job, "output", ...path);

async function ended(containerId: string): Promise<void> {
  await eventually(async () => (await host.statusOf(containerId))?.state === "exited", {
    withinMs: 60_000,
    what: "the end of the command",
  });
}

test.each([
  ["nobody, so root", BUSYBOX_IMAGE, 0],
  ["1000 by number", USER_BY_NUMBER, 1000],
  ["1000 by name", USER_BY_NAME, 1000],
])(
  "an image whose USER is %s writes its output, below a folder that only root enters",
  async (_who, image, uid) => {
    const job = `job-${uid}-${image.length}`;

    await ended(
      await host.launch(
        jobRank(job, {
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
    jobRank(job, { attempt: 3, image: USER_BY_NUMBER, command: "sleep 600" }),
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
    jobRank("job-first", { attempt: 1, image: BUSYBOX_IMAGE, command: "sleep 600" }),
  );

  expect(await host.sh(containerId, "ls /gemini")).toBe("output\n");
});
