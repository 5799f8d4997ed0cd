/** `job run --follow`: what is shown while a job waits and runs, of all its ranks, how Ctrl-C ends it, and its exit code. */
import type { TrainingJob } from "@remotegpu/control-plane/client/generated/api.schemas";
import { answer } from "../../../../../support/http/answer.ts";
import type { ApiClient } from "@remotegpu/control-plane/cli/framework/api-client";
import { commandApi } from "../../../../../support/http/command-api.ts";
import type { Row } from "../../../../../support/http/path-client.ts";
import { CliError } from "@remotegpu/control-plane/cli/framework/cli-error";
import {
  Interruptions,
  type InterruptChoice,
} from "@remotegpu/control-plane/cli/work/training/interruptions";
import { exitCodeOf, follow } from "@remotegpu/control-plane/cli/work/training/job-follow";
import { RUN } from "@remotegpu/control-plane/cli/work/training/job-run";
import { remotegpu } from "@remotegpu/control-plane/cli/program";
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from "vitest";

let reported = "";
beforeEach(() => {
  reported = "";
  vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    reported += String(text);
    return true;
  });
});
afterEach(() => void vi.restoreAllMocks());

const JOB: Row = { id: "job-1", name: "train", status_reason: null, instances: [] };
const COMPLETED = { status: "completed" };

/** @param runs of its ranks, in their order; one that was started before has those runs in front, "run-1 run-2" */
function running(...runs: string[]): Row {
  const instances = runs.map((all, rank) => {
    const ids = all.split(" ");
    return { rank, run_id: ids.at(-1), exit_code: null, runs: ids.map((id) => ({ id })) };
  });
  return { status: "running", instances };
}

interface Scene {
  /** How it stands at each look; as the last says from then on. */
  seen: Row[];
  /** What each reading of a run's output brings; one that ends with "!" breaks there. */
  outputs?: Record<string, string[]>;
  /** Whose output does not end before all of another's was read. */
  lasts?: Record<string, string>;
  why?: string;
}

class Server {
  readonly posted: [path: string, body: Row | undefined][] = [];
  readonly api: ApiClient;

  constructor(scene: Scene) {
    this.api = commandApi({
      get: (path) => {
        if (path.endsWith("/why")) return { reason: scene.why ?? null };
        const { seen } = scene;
        return { ...JOB, ...(seen.length > 1 ? seen.shift() : seen[0]) };
      },
      post: (path, body?: Row) => {
        this.posted.push([path, body]);
        if (path.endsWith("/cancel")) scene.seen = [{ status: "cancelled" }];
        return { ...JOB, status: "queued", status_reason: "Waiting for a place." };
      },
      stream: async (_path, query, { write }) => {
        const { outputs = {}, lasts = {} } = scene;
        const run = String(query["run"]);
        const text = outputs[run]?.shift() ?? "";
        await write(Buffer.from(text.replace(/!$/, "")));
        const other = lasts[run];
        if (other !== undefined) await vi.waitUntil(() => outputs[other]?.length === 0, { timeout: 10_000 });
        if (text.endsWith("!")) throw new CliError("unavailable", "The server broke off in the middle.");
      },
    });
  }
}

async function followed(scene: Scene, request?: () => Promise<InterruptChoice>) {
  const server = new Server(scene);
  const output = { format: "table" as const, width: null, nowMs: 0, write: () => undefined };
  let visible = "";
  const write = (bytes: Buffer) => {
    visible += bytes.toString();
    return Promise.resolve();
  };
  const interruptions = new Interruptions(request);
  onTestFinished(() => interruptions.end());
  const ending = follow({ api: server.api, where: {}, output }, { id: "job-1", interruptions, write });
  if (request !== undefined) process.emit("SIGINT");
  const row = await ending;
  return { row, visible, posted: server.posted };
}

test("what it waits for is reported as its host reports it, and then what it writes, attempt after attempt", async () => {
  const { visible, row } = await followed({
    seen: [
      { status: "queued", status_reason: "Waiting for a place." },
      running("run-1"),
      { status: "pending", status_reason: "Attempt 2 follows." },
      running("run-1 run-2"),
      { ...running("run-1 run-2"), ...COMPLETED },
    ],
    why: "Host a is fetching the image (2 of 5 layers).",
    outputs: { "run-1": ["one\n"], "run-2": ["two\n"] },
  });

  expect(reported.split("\n")).toEqual([
    "Host a is fetching the image (2 of 5 layers).",
    "Training job job-1 (train) is running.",
    "Attempt 2 follows.",
    "Training job job-1 (train) is running.",
    "",
  ]);
  expect(visible).toBe("one\ntwo\n");
  expect(row.status).toBe("completed");
});

test("what one wrote that was over before the first poll is printed", async () => {
  const { visible } = await followed({
    seen: [{ ...running("run-1"), ...COMPLETED }],
    outputs: { "run-1": ["done\n"] },
  });

  expect(visible).toBe("done\n");
});

test("what an attempt wrote that was over between two polls is printed in front of the next one's", async () => {
  const { visible } = await followed({
    seen: [
      { status: "queued" },
      running("run-1 run-2 run-3"),
      { ...running("run-1 run-2 run-3 run-4"), ...COMPLETED },
    ],
    outputs: { "run-1": ["one\n"], "run-2": ["two\n"], "run-3": ["three\n"], "run-4": ["four\n"] },
  });

  expect(visible).toBe("one\ntwo\nthree\nfour\n");
});

test("output that breaks off goes on where it was, without the notice of the break", async () => {
  const { visible } = await followed({
    seen: [running("run-1"), running("run-1"), running("run-1"), { ...running("run-1"), ...COMPLETED }],
    outputs: {
      "run-1": ["a\nb\n!", "a\nb\nc\n[remotegpu] The output breaks off here: it was lost.\n", "a\nb\nc\nd\n"],
    },
  });

  expect(visible.replace(/^\[remotegpu\].*\n/m, "")).toBe("a\nb\nc\nd\n");
  expect(reported).toContain("The server broke off in the middle.\n");
});

test("a line that broke off in its middle goes on there, and its own end is not printed twice", async () => {
  const notice = "\n[remotegpu] The output breaks off here: it was lost.\n";
  const { visible } = await followed({
    seen: [running("run-1"), running("run-1"), running("run-1"), { ...running("run-1"), ...COMPLETED }],
    outputs: { "run-1": [`ab${notice}`, `abc${notice}`, "abc\nd\n"] },
  });

  expect(visible).toBe(`ab${notice}c${notice}d\n`);
});

const of = (rank: number, visible: string) =>
  visible.split("\n").filter((line) => line.startsWith(`[${rank}]`));

test("of several ranks all is printed, line by line, attempt after attempt", async () => {
  const { visible } = await followed({
    seen: [
      running("run-1", "run-2"),
      running("run-1 run-3", "run-2 run-4"),
      { ...running("run-1 run-3", "run-2 run-4"), ...COMPLETED },
    ],
    outputs: { "run-1": ["a\nb"], "run-2": ["x\n"], "run-3": ["c\n"], "run-4": ["y\nz\n"] },
  });

  expect(of(0, visible)).toEqual(["[0] a", "[0] b", "[0] c"]);
  expect(of(1, visible)).toEqual(["[1] x", "[1] y", "[1] z"]);
  expect(visible).toHaveLength("[0] a\n".length * 6);
});

test("a rank whose output breaks off is taken up while another's goes on", async () => {
  const { visible } = await followed({
    seen: [
      running("run-1", "run-2"),
      running("run-1", "run-2"),
      { ...running("run-1", "run-2"), ...COMPLETED },
    ],
    outputs: { "run-1": ["a\n"], "run-2": ["x\nhal!", "x\nhalf\ny\n"] },
    lasts: { "run-1": "run-2" },
  });

  expect(of(0, visible)).toEqual(["[0] a"]);
  expect(of(1, visible)).toEqual(["[1] x", "[1] half", "[1] y"]);
});

test("what breaks off as the job ends is taken up once more", async () => {
  const { visible } = await followed({
    seen: [running("run-1", "run-2"), { ...running("run-1", "run-2"), ...COMPLETED }],
    outputs: { "run-1": ["a\n"], "run-2": ["x\n!", "x\ny\n"] },
  });

  expect(of(1, visible)).toEqual(["[1] x", "[1] y"]);
});

test("Ctrl-C and the choice to cancel: the job is cancelled, and followed until it is", async () => {
  const { row, posted } = await followed({ seen: [{ status: "pending" }] }, () => Promise.resolve("cancel"));

  expect(posted).toEqual([["/training-jobs/job-1/cancel", undefined]]);
  expect(row.status).toBe("cancelled");
});

test("Ctrl-C and the choice to detach: the job is left alone, and its command is printed", async () => {
  const detached = followed({ seen: [{ status: "pending" }] }, () => Promise.resolve("detach"));

  await expect(detached).rejects.toMatchObject({
    kind: "interrupted",
    message: "Detached; the job goes on: remotegpu job logs -f job-1",
  });
});

test.each([
  [{ status: "completed", instances: [{ rank: 0, run_id: "r", exit_code: 0 }] }, 0],
  [{ status: "failed", instances: [{ rank: 0, run_id: "r", exit_code: 7 }] }, 7],
  [{ status: "failed", instances: [{ rank: 0, run_id: "r", exit_code: null }] }, 1],
  [
    {
      status: "failed",
      instances: [
        { rank: 0, run_id: "r", exit_code: 0 },
        { rank: 1, run_id: "s", exit_code: 3 },
      ],
    },
    3,
  ],
  [{ status: "failed", instances: [] }, 1],
  [{ status: "cancelled", instances: [{ rank: 0, run_id: "r", exit_code: 143 }] }, 1],
])("of %j the exit code is %i", (row, code) => expect(exitCodeOf(answer<TrainingJob>(row))).toBe(code));

test.each([
  [["/usr/bin/python", "a.py"], undefined, /^python-[0-9a-f]{4}$/],
  [[], "  seq 10 | wc", /^seq-[0-9a-f]{4}$/],
  [["$(true)"], "", /^true-[0-9a-f]{4}$/],
])("without a name one of %j is called after its command", async (argv, text, name) => {
  const { api, posted } = new Server({ seen: [] });
  const output = { format: "table" as const, width: null, nowMs: 0, write: () => undefined };
  const given = { argv, ...(argv.length === 0 && { text }) };
  await RUN.perform({ api, where: {}, output }, { image: "b", cpu: "1", memory: "1G", gpu: "0", ...given });

  expect(posted[0]?.[1]).toMatchObject({ name: expect.stringMatching(name) });
});

const SERVER = ["--server", "http://127.0.0.1:1", "--key", "k"];
const run = (...words: string[]) =>
  remotegpu().parseAsync(["job", "run", "--image", "b", ...SERVER, ...words], { from: "user" });

test("words in front of the dashes are no command, and one alone is a folder of code", async () => {
  await expect(run("python", "a.py")).rejects.toThrow("a.py: the command stands behind --.");
  await expect(run(".")).rejects.toThrow("Name what it runs: remotegpu job run [FOLDER]");
});

test("a folder that is left out does not take its word from behind the dashes", async () => {
  // Told before anything is asked, or brought.
  await expect(run("--command", "true", "--", "python", "a.py")).rejects.toThrow("not both");
  await expect(run("/nowhere/code", "--", "python")).rejects.toThrow("/nowhere/code");
  await expect(run(".", "--code", ".", "--", "python")).rejects.toThrow(
    "in front of -- or with --code, not both",
  );
});
