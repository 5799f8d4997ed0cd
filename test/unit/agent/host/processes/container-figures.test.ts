/** What is read of a container's use, from files as the kernel and the runtimes lay them. */
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readContainerFigures } from "@remotegpu/agent/host/processes/container-figures";

const ID = "c".repeat(64);
const WALL_MS = Date.UTC(2026, 0, 1);
/** No process has it. */
const NO_PID = 2 ** 30;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "rg-figures-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function lay(path: string, text: string, ageMs = 0): string {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  const writtenAt = new Date(WALL_MS - ageMs);
  utimesSync(file, writtenAt, writtenAt);
  return file;
}

const read = (changes: Partial<Parameters<typeof readContainerFigures>[0]> = {}) =>
  readContainerFigures({
    containerId: ID,
    pid: NO_PID,
    cpuFiles: [],
    dataFolder: folder,
    wallMs: WALL_MS,
    ...changes,
  });

test("of a container that is gone nothing is known", () => {
  expect(read({ cpuFiles: [join(folder, "gone")] })).toEqual({
    cpuMs: null,
    networkInBytes: null,
    networkOutBytes: null,
    lastOutputAgeMs: null,
  });
});

test("the first file of either version that is there reports the time on a processor", () => {
  const usage = lay("cpuacct.usage", "5000000000\n");
  const stat = lay("cpu.stat", "usage_usec 7000\n");

  expect(read({ cpuFiles: [usage, stat] }).cpuMs).toBe(5_000);
  expect(read({ cpuFiles: [join(folder, "gone"), stat] }).cpuMs).toBe(7);
  expect(read({ cpuFiles: [lay("strange", "many\n"), stat] }).cpuMs).toBe(7);
});

test("the network is that of the process' own namespace", () => {
  expect(read({ pid: process.pid })).toMatchObject({
    networkInBytes: expect.any(Number),
    networkOutBytes: expect.any(Number),
  });
});

describe("the last output", () => {
  test.each([
    ["Docker's own format", `containers/${ID}/local-logs/container.log`],
    ["Docker's JSON", `containers/${ID}/${ID}-json.log`],
    ["Podman's", `overlay-containers/${ID}/userdata/ctr.log`],
  ])("is as old as the log in %s", (_what, path) => {
    lay(path, "a line\n", 61_000);

    expect(read().lastOutputAgeMs).toBe(61_000);
    expect(read({ wallMs: WALL_MS - 120_000 }).lastOutputAgeMs).toBe(0);
    expect(read({ dataFolder: null }).lastOutputAgeMs).toBeNull();
  });

  test("never came where the log is empty", () => {
    lay(`containers/${ID}/local-logs/container.log`, "", 61_000);

    expect(read().lastOutputAgeMs).toBeNull();
  });
});
