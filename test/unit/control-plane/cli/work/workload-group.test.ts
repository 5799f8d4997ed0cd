/** What every kind of workload has of commands, and where they go; the API is a list of what it was asked. */
import type { ApiRequest } from "@remotegpu/control-plane/client/api-request";
import {
  deleteTrainingJob,
  endTrainingJobUrgency,
  execInTrainingJob,
  getTrainingJob,
  getTrainingJobLogs,
  getTrainingJobWhy,
  listTrainingJobEvents,
  listTrainingJobInstances,
  listTrainingJobs,
  makeTrainingJobUrgent,
} from "@remotegpu/control-plane/client/generated/api";
import type { TrainingJob } from "@remotegpu/control-plane/client/generated/api.schemas";
import { answer } from "../../../../support/http/answer.ts";
import { commandApi } from "../../../../support/http/command-api.ts";
import type { Row } from "../../../../support/http/path-client.ts";
import { CliError } from "@remotegpu/control-plane/cli/framework/cli-error";
import { type Command, isGroup, type Group } from "@remotegpu/control-plane/cli/framework/command";
import { TREE } from "@remotegpu/control-plane/cli/program";
import { type WorkloadNames, workloadGroup } from "@remotegpu/control-plane/cli/work/workload-group";
import { describe, expect, onTestFinished, test } from "vitest";

const KINDS = [
  ["env", "/environments", "env-1"],
  ["job", "/training-jobs", "job-1"],
  ["service", "/inference-services", "svc-1"],
] as const;

function groupOf(name: string): Group {
  const found = TREE.members.find((member) => member.name === name);
  if (found === undefined || !isGroup(found)) throw new Error(`there is no group ${name}`);
  return found;
}

function commandOf(group: Group, name: string): Command {
  const found = group.members.find((member) => member.name === name);
  if (found === undefined || isGroup(found)) throw new Error(`${group.name} has no command ${name}`);
  return found;
}

/** Carries it out; answers what was asked of the API, and what was printed. */
async function carriedOut(command: Command, words: Record<string, unknown>, answer: Row) {
  const requested: string[] = [];
  const printed: string[] = [];
  const request = (method: string) => (path: string) => {
    requested.push(`${method} ${path}`);
    return Promise.resolve(answer);
  };
  const api = commandApi({
    get: request("GET"),
    post: request("POST"),
    delete: request("DELETE"),
  });
  const output = {
    format: "table" as const,
    width: null,
    nowMs: 0,
    write: (text: string) => void printed.push(text),
  };
  await command.perform({ api, where: {}, output }, words);
  return { requested, printed: printed.join("") };
}

test.each(KINDS)("%s is listed, displayed, entered and explained", (name) => {
  const names = groupOf(name).members.map((member) => member.name);

  expect(names).toEqual(
    expect.arrayContaining(["list", "show", "exec", "logs", "events", "instances", "why"]),
  );
});

test.each(KINDS)("%s get shows one as well", async (name, route, id) => {
  const group = groupOf(name);
  const visible = commandOf(group, "show");
  const get = visible.aliases.includes("get") ? visible : commandOf(group, "get");
  const member = get.fields[0]?.member ?? "";

  const { requested } = await carriedOut(get, { [member]: id }, { id, status: "running" });

  expect(requested).toEqual([`GET ${route}/${id}`]);
});

describe("a command inside", () => {
  const exited = { exit_code: 3, stdout: "", stderr: "", truncated: false };

  test.each(KINDS)("of %s goes to its first container, and ends as that did", async (name, route, id) => {
    onTestFinished(() => void (process.exitCode = undefined));

    const { requested } = await carriedOut(
      commandOf(groupOf(name), "exec"),
      { workload: id, argv: ["--", "ls"] },
      exited,
    );

    expect(requested).toEqual([`POST ${route}/${id}/exec`]);
    expect(process.exitCode).toBe(3);
  });

  test.each(KINDS.slice(1))("of %s goes to the rank that is named", async (name, route, id) => {
    onTestFinished(() => void (process.exitCode = undefined));
    const words = { workload: id, argv: ["ls"], rank: "2" };

    const { requested } = await carriedOut(commandOf(groupOf(name), "exec"), words, exited);

    expect(requested).toEqual([`POST ${route}/${id}/exec?rank=2`]);
  });

  test.each(KINDS)("of %s has to be named", async (name, _route, id) => {
    const nothing = carriedOut(commandOf(groupOf(name), "exec"), { workload: id, argv: ["--"] }, exited);

    await expect(nothing).rejects.toThrow(CliError);
    await expect(nothing).rejects.toThrow(`Name the command: remotegpu ${name} exec`);
  });
});

test("a verb reports what came of it", async () => {
  const row = { id: "job-1", name: "train", status: "cancelled", status_reason: "Cancelled by customer 1." };

  const { requested, printed } = await carriedOut(
    commandOf(groupOf("job"), "cancel"),
    { workload: "job-1", timeout: "60" },
    row,
  );

  expect(requested).toEqual(["POST /training-jobs/job-1/cancel"]);
  expect(printed).toBe("Training job job-1 (train) is cancelled: Cancelled by customer 1.\n");
});

test("whoever waits is notified how it settled", async () => {
  const request = (id: string): ApiRequest<TrainingJob> => ({ method: "POST", path: `/works/${id}/go` });
  const words: WorkloadNames<TrainingJob, "queued"> = {
    name: "work",
    summary: "work",
    kind: "job",
    requests: {
      list: listTrainingJobs,
      get: getTrainingJob,
      delete: deleteTrainingJob,
      exec: execInTrainingJob,
      logs: getTrainingJobLogs,
      events: listTrainingJobEvents,
      instances: listTrainingJobInstances,
      why: getTrainingJobWhy,
      makeUrgent: makeTrainingJobUrgent,
      endUrgency: endTrainingJobUrgency,
    },
    hasRanks: false,
    list: { summary: "all", columns: ["id"] },
    show: { summary: "one", print: () => undefined },
    verbs: [{ name: "go", summary: "go", request }],
    sentence: (row) => `It is ${row.status}.`,
    settled: (_context, id, seconds) =>
      Promise.resolve(answer<TrainingJob>({ id, status: `settled within ${seconds} s` })),
  };
  const go = commandOf(workloadGroup(words), "go");

  const output = await carriedOut(
    go,
    { workload: "w-1", wait: true, timeout: "5" },
    { status: "on its way" },
  );
  const atOnce = await carriedOut(go, { workload: "w-1", timeout: "5" }, { status: "on its way" });

  expect(output.printed).toBe("It is settled within 5 s.\n");
  expect(atOnce.printed).toBe("It is on its way.\n");
});

test.each([
  ["env", "/environments/env-1", "Environment env-1"],
  ["job", "/training-jobs/env-1", "Training job env-1"],
])("of %s one is deleted with a word", async (name, path, what) => {
  const remove = commandOf(groupOf(name), "delete");

  const { requested, printed } = await carriedOut(remove, { workload: "env-1" }, {});

  expect(requested).toEqual([`DELETE ${path}`]);
  expect(printed).toBe(`${what} is being deleted.\n`);
});
