/** `job submit`: an order from a file. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { commandApi } from "../../../../../support/http/command-api.ts";
import type { Row } from "../../../../../support/http/path-client.ts";
import { SUBMIT } from "@remotegpu/control-plane/cli/work/training/job-submit";
import { afterEach, beforeEach, expect, test } from "vitest";

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "remotegpu-submit-"))));
afterEach(() => rmSync(folder, { recursive: true }));

function fileOf(text: string): string {
  const file = join(folder, "job.yaml");
  writeFileSync(file, text);
  return file;
}

/** @param answers by path */
async function submitted(given: Record<string, unknown>, answers: Record<string, Row>) {
  const requested: [string, unknown][] = [];
  let printed = "";
  const answer = (path: string, body?: unknown) => {
    requested.push([path, body]);
    return Promise.resolve(answers[path] ?? {});
  };
  const api = commandApi({
    post: answer,
    get: answer,
  });
  const write = (text: string) => void (printed += text);
  const output = { format: "table" as const, width: null, nowMs: 0, write };
  await SUBMIT.perform({ api, where: {}, output }, { timeout: "60", ...given });
  return { requested, printed };
}

test("what is in the file is ordered", async () => {
  const created = { id: "job-1", name: "j", status: "queued", status_reason: "Waiting for a place." };
  const { requested, printed } = await submitted({ file: fileOf("name: j") }, { "/training-jobs": created });

  expect(requested).toEqual([["/training-jobs", { name: "j" }]]);
  expect(printed).toBe("Training job job-1 (j) is queued: Waiting for a place.\n");
});

test("a dry run orders nothing, and shows price, place and why", async () => {
  const { requested, printed } = await submitted(
    { file: fileOf("name: j"), isDryRun: true },
    {
      "/training-jobs/dry-run": {
        price_per_hour: "4.5000",
        position: 3,
        reason: "No host has room for an instance of it now: it would wait.",
        hosts: [{ host_name: "gpu-07", reason: "no free GPU" }],
        suggestions: [{ sentence: "With 1 GPU it would start now.", field: "gpu", value: 1 }],
      },
    },
  );

  expect(requested).toEqual([["/training-jobs/dry-run", { name: "j" }]]);
  expect(printed).toMatch(/^price per hour +4\.5000\nplace in the line +3\nwhy +No host has room/);
  expect(printed).toMatch(/gpu-07 +no free GPU/);
  expect(printed).toMatch(/With 1 GPU it would start now\. +gpu +1/);
});

test("--schema prints the schema, and needs no file", async () => {
  const { printed } = await submitted({ isSchema: true }, { "/schemas/training-job": { type: "object" } });

  expect(JSON.parse(printed)).toEqual({ type: "object" });
});
