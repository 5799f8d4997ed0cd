/** Arrays on the command line: how they are ordered, changed, waited for and cancelled; the API is what it answers. */
import { commandApi } from "../../../../../support/http/command-api.ts";
import type { Row } from "../../../../../support/http/path-client.ts";
import { CANCEL, UPDATE, WAIT } from "@remotegpu/control-plane/cli/work/training/job-arrays";
import { CREATE } from "@remotegpu/control-plane/cli/work/training/job-create";
import { RUN } from "@remotegpu/control-plane/cli/work/training/job-run";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

let reported = "";
beforeEach(() => {
  reported = "";
  vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    reported += String(text);
    return true;
  });
});
afterEach(() => void vi.restoreAllMocks());

const ARRAY = {
  id: "jobs-1",
  name: "sweep",
  status: "running",
  elements: { running: 1, queued: 2, failed: 0 },
};
const FIRST = { id: "job-1", name: "sweep-0", status: "queued", group_id: "jobs-1", array_index: 0 };
const ORDER = { name: "sweep", image: "b", cpu: "1", memory: "1G", gpu: "0", timeout: "60", argv: ["true"] };

/** @param seen how the array stands at each look */
async function performed(command: typeof CREATE, given: Record<string, unknown>, seen: Row[] = [ARRAY]) {
  const posted: [string, unknown][] = [];
  let printed = "";
  const api = commandApi({
    post: (path: string, body: unknown) => {
      posted.push([path, body]);
      return Promise.resolve(path === "/training-jobs" ? FIRST : ARRAY);
    },
    patch: (path: string, body: unknown) => {
      posted.push([path, body]);
      return Promise.resolve(path === "/training-jobs/job-1" ? FIRST : ARRAY);
    },
    get: () => Promise.resolve({ ...ARRAY, ...(seen.length > 1 ? seen.shift() : seen[0]) }),
  });
  const write = (text: string) => void (printed += text);
  const output = { format: "table" as const, width: null, nowMs: 0, write };
  await command.perform({ api, where: {}, output }, given);
  return { posted, printed };
}

test.each([
  ["0-99%10", { from: 0, to: 99, at_once: 10 }],
  ["5-7", { from: 5, to: 7 }],
])("--array %s is ordered as %j, and the array is reported", async (array, body) => {
  const { posted, printed } = await performed(CREATE, { ...ORDER, array });

  expect(posted[0]?.[1]).toMatchObject({ name: "sweep", array: body });
  expect(printed).toBe("Array jobs-1 (sweep) is ordered; its jobs: remotegpu job list --array jobs-1\n");
});

test.each(["", "5", "5-", "-5", "1,2", "0-9%", "0-9%x", "0-9999999999"])(
  "--array %j is refused before anything is requested",
  async (array) => {
    await expect(performed(CREATE, { ...ORDER, array })).rejects.toMatchObject({
      kind: "usage",
      message: "--array: Give a range such as 0-99, or 0-99%10 for ten at once.",
    });
  },
);

test("an array is not followed", async () => {
  const run = performed(RUN, { ...ORDER, array: "0-1", isFollowed: true });

  await expect(run).rejects.toMatchObject({ kind: "usage", message: expect.stringContaining("job wait") });
});

test("whoever waits is notified how many stand where, and fails unless all were completed", async () => {
  const completed = { status: "completed", elements: { completed: 3 } };
  const { printed } = await performed(WAIT, { job: "jobs-1", timeout: "60" }, [ARRAY, completed]);
  expect(reported).toBe("Array jobs-1 (sweep) is running: 1 running, 2 queued.\n");
  expect(printed).toBe("Array jobs-1 (sweep) is completed: 3 completed.\n");

  const failed = { status: "failed", elements: { completed: 2, failed: 1 } };
  await expect(performed(WAIT, { job: "jobs-1", timeout: "60" }, [failed])).rejects.toMatchObject({
    kind: "refused",
    message: "Array jobs-1 (sweep) is failed: 2 completed, 1 failed.",
  });
});

test("what is cancelled is an array or a job, by its id", async () => {
  const { posted } = await performed(CANCEL, { workload: "jobs-1", timeout: "60" });
  expect(posted[0]?.[0]).toBe("/training-job-groups/jobs-1/cancel");

  const single = await performed(CANCEL, { workload: "job-1", timeout: "60" });
  expect(single.posted[0]?.[0]).toBe("/training-jobs/job-1/cancel");
});

test("what is changed is an array or a job, by its id, and what is left out stays", async () => {
  const { posted, printed } = await performed(UPDATE, { workload: "jobs-1", priority: "5" });
  expect(posted).toEqual([["/training-job-groups/jobs-1", { priority: 5 }]]);
  expect(printed).toBe("Array jobs-1 (sweep) is running: 1 running, 2 queued.\n");

  const single = await performed(UPDATE, { workload: "job-1", name: "other", priority: "0" });
  expect(single.posted).toEqual([["/training-jobs/job-1", { name: "other", priority: 0 }]]);
  expect(single.printed).toBe("Training job job-1 (sweep-0) is queued.\n");
});
