/** `job create`: what the API is asked for, and what whoever waits is told; the API is what it answers. */
import { commandApi } from "../../../../../support/http/command-api.ts";
import type { Row } from "../../../../../support/http/path-client.ts";
import { CREATE } from "@remotegpu/control-plane/cli/work/training/job-create";
import { FRAMEWORKS, RENDEZVOUS } from "@remotegpu/control-plane/server/core/training/rank-environment";
import { DistributedConfig } from "@remotegpu/control-plane/server/http/training/distributed-config";
import { MIB } from "@remotegpu/shared/values/units";
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

const ORDERED: Row = { id: "job-1", name: "train", status: "queued", status_reason: "Waiting for a place." };

/** @param seen how it stands at each look */
async function created(words: Record<string, unknown>, ...seen: Row[]) {
  const bodies: unknown[] = [];
  let printed = "";
  const api = commandApi({
    post: (path: string, body: unknown) => {
      bodies.push(path, body);
      return Promise.resolve(ORDERED);
    },
    get: () => Promise.resolve({ ...ORDERED, ...(seen.length > 1 ? seen.shift() : seen[0]) }),
  });
  const output = {
    format: "table" as const,
    width: null,
    nowMs: 0,
    write: (text: string) => void (printed += text),
  };
  const given = {
    name: "train",
    image: "busybox",
    cpu: "1",
    memory: "512M",
    gpu: "0",
    timeout: "60",
    ...words,
  };
  await CREATE.perform({ api, where: {}, output }, given);
  return { bodies, printed };
}

test("an order names all that was typed, and what it runs as a shell reads it", async () => {
  const { bodies, printed } = await created({
    argv: ["python", "train it.py"],
    priority: "3",
    max_minutes: "90",
    output_path: "/out",
    datasets: ["4", "5"],
    models: ["6"],
    env_vars: ["A=b"],
    host_labels: ["zone=b"],
    gpu_model: "H100",
    spec: "large",
    max_price_per_hour: "5",
    config: '{"gpu_sharing":"shared","max_minutes":1}',
  });

  expect(bodies).toEqual([
    "/training-jobs",
    {
      name: "train",
      image: "busybox",
      command: "python 'train it.py'",
      cpu: 1,
      memory: 512 * MIB,
      gpu: 0,
      priority: 3,
      output_path: "/out",
      env_vars: { A: "b" },
      mounted_datasets: [4, 5],
      mounted_models: [6],
      config: {
        gpu_sharing: "shared",
        max_minutes: 90,
        host_labels: { zone: "b" },
        gpu_model: "H100",
        spec: "large",
        max_price_per_hour: "5",
      },
    },
  ]);
  expect(printed).toBe("Training job job-1 (train) is queued: Waiting for a place.\n");
});

test("a text goes to the shell as it is, and what was not typed is not sent", async () => {
  const { bodies } = await created({ text: "a; b" });

  expect(bodies[1]).toEqual({
    name: "train",
    image: "busybox",
    command: "a; b",
    cpu: 1,
    memory: 512 * MIB,
    gpu: 0,
  });
});

test.each([
  [{ framework: "mpi" }, { framework: "mpi" }],
  [
    { framework: "pytorch", backend: "gloo", rdzv: "c10d" },
    { framework: "pytorch", backend: "gloo", rdzv: "c10d" },
  ],
])("how ranks find each other is sent as the API takes it: %j", async (typed, config) => {
  const { bodies } = await created({ argv: ["true"], node_count: "2", ...typed });

  expect(bodies[1]).toMatchObject({ node_count: 2, distributed_config: config });
  expect(DistributedConfig.parse(config)).toEqual(config);
});

test.each([{ backend: "gloo" }, { rdzv: "static" }])(
  "what only a framework reads is not taken without one: %j",
  async (typed) => {
    const ordering = created({ argv: ["true"], ...typed });

    await expect(ordering).rejects.toMatchObject({
      kind: "usage",
      message: expect.stringContaining("--distributed"),
    });
  },
);

test("the choices of frameworks and rendezvous are the API's", () => {
  const choicesOf = (member: string) => CREATE.fields.find((one) => one.member === member)?.field.choices;

  expect(choicesOf("framework")).toEqual(FRAMEWORKS);
  expect(choicesOf("rdzv")).toEqual(RENDEZVOUS);
});

test("whoever waits is notified of its id, its place and its end", async () => {
  const { printed } = await created(
    { argv: ["true"], wait: true },
    { status: "queued" },
    { status: "running", status_reason: null },
    { status: "completed", status_reason: null },
  );

  expect(reported).toBe(
    "Training job job-1 is ordered.\nWaiting for a place.\nTraining job job-1 (train) is running.\n",
  );
  expect(printed).toBe("Training job job-1 (train) is completed.\n");
});

test.each([
  [{ status: "failed", status_reason: "It ended with 3." }, "is failed: It ended with 3."],
  [{ status: "cancelled", status_reason: "Cancelled by admin 1." }, "is cancelled: Cancelled by admin 1."],
])(
  "whoever waits for one that becomes %j is notified so by exit code and sentence",
  async (end, sentence) => {
    const waiting = created({ argv: ["false"], wait: true }, end);

    await expect(waiting).rejects.toMatchObject({
      kind: "refused",
      message: `Training job job-1 (train) ${sentence}`,
    });
  },
);

test("whoever stops waiting is notified of its status", async () => {
  const waiting = created({ argv: ["true"], wait: true, timeout: "0" }, { status: "stopping" });

  await expect(waiting).rejects.toMatchObject({
    kind: "timedOut",
    message: expect.stringContaining("the order stands. Training job job-1 (train) is stopping"),
  });
});
