/** `logs --all-ranks`: what several instances write at once, line by line. */
import { commandApi } from "../../../../support/http/command-api.ts";
import { CliError } from "@remotegpu/control-plane/cli/framework/cli-error";
import { getTrainingJobLogs, listTrainingJobInstances } from "@remotegpu/control-plane/client/generated/api";
import type { GetTrainingJobLogsParams } from "@remotegpu/control-plane/client/generated/api.schemas";
import { followRanks } from "@remotegpu/control-plane/cli/work/rank-logs";
import { RankLines } from "@remotegpu/control-plane/cli/work/run-output";
import { remotegpu } from "@remotegpu/control-plane/cli/program";
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

/** @param said by rank, in pieces as they come, a piece of each in turn; an error is thrown */
async function followed(output: Record<string, (string | CliError)[]>) {
  const queries: unknown[] = [];
  let visible = "";
  const api = commandApi({
    list: () => Promise.resolve(Object.keys(output).map((rank) => ({ rank: Number(rank) }))),
    stream: async (path, query, { write }) => {
      queries.push([path, query]);
      for (const piece of output[String(query["rank"])] ?? []) {
        if (piece instanceof CliError) throw piece;
        await write(Buffer.from(piece));
      }
    },
  });
  const write = (bytes: Buffer) => {
    visible += bytes.toString();
    return Promise.resolve();
  };
  const signal = new AbortController().signal;
  const instances = listTrainingJobInstances("job-1");
  const read = (query: GetTrainingJobLogsParams) => getTrainingJobLogs("job-1", query);
  await followRanks(api, { instances, read, query: { follow: "true" }, signal, write });
  return { visible, queries };
}

test("lines stay whole, whatever pieces they come in, and name whose they are", async () => {
  const { visible, queries } = await followed({ 0: ["a", "b\nc", "\n"], 1: ["x\ny"] });

  expect(visible.split("\n").filter((line) => line.startsWith("[0]"))).toEqual(["[0] ab", "[0] c"]);
  expect(visible.split("\n").filter((line) => line.startsWith("[1]"))).toEqual(["[1] x", "[1] y"]);
  expect(visible.endsWith("\n")).toBe(true);
  expect(queries).toEqual([
    ["/training-jobs/job-1/logs", { follow: "true", rank: 0 }],
    ["/training-jobs/job-1/logs", { follow: "true", rank: 1 }],
  ]);
});

test("one that has nothing to report holds up no other", async () => {
  const { visible } = await followed({
    0: [new CliError("refused", "It has not run yet.")],
    1: ["x\n"],
  });

  expect(visible).toBe("[1] x\n");
  expect(reported).toBe("Rank 0: It has not run yet.\n");
});

test("of a workload that never ran there is nothing", async () => {
  await expect(followed({})).rejects.toMatchObject({ kind: "refused" });
});

test("bytes that are no text, empty lines and lines without end come through", () => {
  const lines = new RankLines(3);

  expect(lines.take(Buffer.from([0xff, 0x0a, 0x0a]))).toEqual(
    Buffer.concat([Buffer.from("[3] "), Buffer.of(0xff, 0x0a), Buffer.from("[3] \n")]),
  );
  expect(lines.take(Buffer.alloc(64 * 1024, "x"))).toHaveLength(0);
  expect(lines.take(Buffer.from("y"))).toHaveLength(4 + 64 * 1024 + 2);
  expect(lines.end()).toHaveLength(0);
});

test("one rank and all of them are two conflicting options", async () => {
  const words = ["job", "logs", `job-${"0".repeat(20)}`, "--all-ranks", "--rank", "1"];
  const logs = remotegpu().parseAsync([...words, "--server", "http://127.0.0.1:1", "--key", "k"], {
    from: "user",
  });

  await expect(logs).rejects.toMatchObject({ kind: "usage" });
});
