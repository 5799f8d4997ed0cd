/** The code of a job in real containers: unpacked by whatever user the image names, and by nobody with more rights. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { RankCode } from "@remotegpu/control-plane/server/core/instances/desired-set";
import { type Entry, packOf } from "../../support/code/archives.ts";
import { docker } from "../../support/containers/docker.ts";
import { RuntimeUnderTest } from "../../support/containers/runtime.ts";
import { importUserImages, USER_BY_NUMBER } from "../../support/containers/images/user-images.ts";
import { eventually } from "../../support/eventually.ts";
import { BUSYBOX_IMAGE } from "../../support/samples/desired-instance.ts";
import { jobRank } from "../../support/samples/job-ranks.ts";

let host: RuntimeUnderTest;
let packs: string;
let jobs = 0;

beforeAll(async () => {
  host = await RuntimeUnderTest.begin();
  packs = mkdtempSync(join(tmpdir(), "rg-packs-"));
  await importUserImages();
});
afterAll(async () => {
  await host.end();
  rmSync(packs, { recursive: true });
});

const rankWith = (code: RankCode, order: { image: string; command: string }) =>
  jobRank(`job-${(jobs += 1)}`, { ...order, code });

async function launched(entries: readonly Entry[], { image, command }: { image: string; command: string }) {
  const pack = packOf(entries);
  const sha256 = createHash("sha256").update(pack).digest("hex");
  // Another container may be unpacking it now.
  if (!existsSync(join(packs, sha256))) writeFileSync(join(packs, sha256), pack, { mode: 0o644 });
  const desired = rankWith({ kind: "brought", sha256, bytes: pack.length }, { image, command });
  const ready = await host.ready(desired);
  const containerId = await host.runtime.create(desired, { ...ready, codePath: join(packs, sha256) });
  await host.runtime.start(containerId, desired.spec);
  return { containerId, desired };
}

/** Each with its length in a header of eight bytes. */
function textOfFrames(raw: Buffer): string {
  let text = "";
  for (let at = 0; at < raw.length;) {
    const end = at + 8 + raw.readUInt32BE(at + 4);
    text += raw.toString("latin1", at + 8, end);
    at = end;
  }
  return text;
}

/** With what both outputs say. */
async function ended(containerId: string): Promise<{ exitCode: number; output: string }> {
  await eventually(async () => (await host.statusOf(containerId))?.state === "exited", {
    withinMs: 60_000,
    what: "the end of the command",
  });
  const container = docker.getContainer(containerId);
  const { State } = await container.inspect();
  const raw = await container.logs({ stdout: true, stderr: true });
  return { exitCode: State.ExitCode, output: textOfFrames(raw) };
}

test.each([
  ["root", BUSYBOX_IMAGE, "0"],
  ["1000 by number", USER_BY_NUMBER, "1000"],
])(
  "an image whose USER is %s begins in its code, may write all of it, and leaves none",
  async (_who, image, uid) => {
    const command =
      "pwd; cat main.py; stat -c %u lib/part.py; echo more >> main.py; touch lib/new new; echo $GEMINI_CODE";

    const { containerId, desired } = await launched(
      [{ name: "main.py", content: "print\n" }, { name: "lib/part.py" }],
      { image, command },
    );

    expect(await ended(containerId)).toEqual({
      exitCode: 0,
      output: `/gemini/code\nprint\n${uid}\n/gemini/code\n`,
    });
    await host.runtime.remove({ containerId, runId: desired.runId });
    expect(existsSync(join(host.poolRoot, "training-jobs", desired.spec.workloadId, "code"))).toBe(false);
  },
);

test("each attempt and rank has a copy of its own", async () => {
  const entries = [{ name: "state", content: "0" }];
  const command = "echo 1 >> state; sleep 600";

  const first = await launched(entries, { image: USER_BY_NUMBER, command });
  const second = await launched(entries, { image: USER_BY_NUMBER, command: "cat state" });

  expect(await ended(second.containerId)).toMatchObject({ exitCode: 0, output: "0" });
  await eventually(async () => (await host.sh(first.containerId, "cat /gemini/code/state")) === "01\n", {
    withinMs: 60_000,
    what: "what the first one wrote",
  });
});

test.each<[string, Entry[]]>([
  [
    "a link that leaves it",
    [{ name: "away", target: "/../../../../../../tmp" }, { name: "away/rg-escaped" }],
  ],
  ["an absolute path", [{ name: "/tmp/rg-escaped" }]],
  ["a path upwards", [{ name: "../../../../../../tmp/rg-escaped" }]],
  ["a device", [{ name: "disk", type: "4" }]],
])("%s that came past the check does nothing outside of the container", async (_what, entries) => {
  const { containerId } = await launched([{ name: "main.py" }, ...entries], {
    image: BUSYBOX_IMAGE,
    command: "find / -xdev -name disk -type b",
  });

  await ended(containerId);

  expect((await ended(containerId)).output).not.toContain("/gemini/code/disk\n");
  expect(existsSync("/tmp/rg-escaped")).toBe(false);
});

test("code that cannot be unpacked ends the job with a sentence, and the command does not begin", async () => {
  const { containerId } = await launched([{ name: "main.py", content: "x", bytes: 5_000 }], {
    image: USER_BY_NUMBER,
    command: "echo begun",
  });

  const { exitCode, output } = await ended(containerId);

  expect(exitCode).toBe(125);
  expect(output).toContain("The code of the job could not be unpacked.");
  expect(output).not.toContain("begun");
});

test("an environment's code is seen as it is now, and is not written", async () => {
  const code = join(host.poolRoot, "environments/env-7/code");
  mkdirSync(code, { recursive: true });
  writeFileSync(join(code, "main.py"), "one");
  const desired = rankWith(
    { kind: "of-environment", environmentId: "env-7" },
    { image: USER_BY_NUMBER, command: "pwd; sleep 600" },
  );

  const containerId = await host.launch(desired);
  const first = await host.sh(containerId, "cat /gemini/code/main.py; touch /gemini/code/x 2>&1");
  writeFileSync(join(code, "main.py"), "two");

  expect(first).toMatch(/^one.*Read-only file system/s);
  expect(await host.sh(containerId, "cat /gemini/code/main.py")).toBe("two");
});

test("an environment's code that is not in this pool is a mount that is missing", async () => {
  const desired = rankWith(
    { kind: "of-environment", environmentId: "env-none" },
    { image: USER_BY_NUMBER, command: "true" },
  );

  expect(await host.readiness(desired)).toMatchObject({ kind: "refused", problem: "mount-missing" });
});
