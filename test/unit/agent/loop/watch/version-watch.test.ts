/** When the versions of the host's programs are read, and what is told of them. */
import { beforeEach, expect, test } from "vitest";
import type { HostVersions } from "@remotegpu/shared/messages/host-versions";
import {
  FIRST_READ_AFTER_MS,
  READ_AGAIN_AFTER_MS,
  READ_VERSIONS_EVERY_MS,
  VersionWatch,
} from "@remotegpu/agent/loop/watch/version-watch";
import type { RuntimeProgram } from "@remotegpu/agent/host/versions/host-versions";
import { memoryLog } from "../../../../support/memory-log.ts";

const DOCKER: RuntimeProgram = {
  name: "docker",
  version: "26.1.5",
  ociRuntime: { name: "runc", path: "runc" },
  socketPath: "/run/docker.sock",
};
const versionsOf = (release: string): HostVersions => ({
  distribution: { id: "debian", release, like: [] },
  components: [],
});

let read: RuntimeProgram[];
let answer: () => Promise<HostVersions>;
let wakes: number;
let log: ReturnType<typeof memoryLog>;
let watched: VersionWatch;

beforeEach(async () => {
  read = [];
  answer = async () => await Promise.resolve(versionsOf("13"));
  wakes = 0;
  log = memoryLog();
  watched = new VersionWatch({
    read: async (runtime) => {
      read.push(runtime);
      return await answer();
    },
    wake: () => (wakes += 1),
    log,
  });
  await watched.readWhenDue(0, DOCKER);
});

test("are not read while the agent has just begun, and then once an hour", async () => {
  await watched.readWhenDue(FIRST_READ_AFTER_MS - 1, DOCKER);
  expect([read.length, watched.versions]).toEqual([0, null]);

  await watched.readWhenDue(FIRST_READ_AFTER_MS, DOCKER);
  await watched.readWhenDue(FIRST_READ_AFTER_MS + READ_VERSIONS_EVERY_MS - 1, DOCKER);
  expect([read.length, watched.versions]).toEqual([1, versionsOf("13")]);

  await watched.readWhenDue(FIRST_READ_AFTER_MS + READ_VERSIONS_EVERY_MS, DOCKER);
  expect(read.length).toBe(2);
});

test("are read anew at once when the runtime is another one", async () => {
  await watched.readWhenDue(FIRST_READ_AFTER_MS, DOCKER);
  await watched.readWhenDue(FIRST_READ_AFTER_MS + 1, { ...DOCKER, version: "29.7.0" });

  expect(read.map(({ version }) => version)).toEqual(["26.1.5", "29.7.0"]);
});

test("are not read while the runtime does not answer", async () => {
  await watched.readWhenDue(FIRST_READ_AFTER_MS, null);

  expect(read).toEqual([]);
});

test("wake whoever reports only where they are others", async () => {
  await watched.readWhenDue(FIRST_READ_AFTER_MS, DOCKER);
  await watched.readWhenDue(2 * READ_VERSIONS_EVERY_MS, DOCKER);
  expect(wakes).toBe(1);

  answer = async () => await Promise.resolve(versionsOf("14"));
  await watched.readWhenDue(4 * READ_VERSIONS_EVERY_MS, DOCKER);
  expect([wakes, watched.versions]).toEqual([2, versionsOf("14")]);
});

test("are read by one at a time, however long that takes", async () => {
  const slow = Promise.withResolvers<HostVersions>();
  answer = async () => await slow.promise;
  const first = watched.readWhenDue(FIRST_READ_AFTER_MS, DOCKER);
  await watched.readWhenDue(9 * READ_VERSIONS_EVERY_MS, DOCKER);
  slow.resolve(versionsOf("13"));
  await first;

  expect(read.length).toBe(1);
});

test("stay as they were where reading fails, which is tried again sooner than in an hour", async () => {
  await watched.readWhenDue(FIRST_READ_AFTER_MS, DOCKER);
  answer = async () => await Promise.reject(new Error("the disk is gone"));
  const failedAtMs = 2 * READ_VERSIONS_EVERY_MS;
  await watched.readWhenDue(failedAtMs, DOCKER);

  expect(watched.versions).toEqual(versionsOf("13"));
  expect(log.lines.map(({ level }) => level)).toEqual(["warn"]);

  answer = async () => await Promise.resolve(versionsOf("14"));
  await watched.readWhenDue(failedAtMs + READ_AGAIN_AFTER_MS - 1, DOCKER);
  expect(watched.versions).toEqual(versionsOf("13"));
  await watched.readWhenDue(failedAtMs + READ_AGAIN_AFTER_MS, DOCKER);
  expect(watched.versions).toEqual(versionsOf("14"));
});
