/** Whose deleted files are that are still open, and what they count as. */
import {
  countsAs,
  deletedBelow,
  deletedPlace,
  mountOf,
  mountPoints,
  openDeletedFile,
  type Ground,
} from "@remotegpu/agent/core/storage/deleted-files";
import { expect, test } from "vitest";
import { runId } from "../../../../support/samples/run-samples.ts";

const POOL = 65_024;
const ground = (name: string, layerDevice: number | null, folders = [POOL]): Ground => ({
  runId: runId(name),
  layerDevice,
  folderDevices: new Set(folders),
});

test.each([
  ["39 753 40960 /proc/22433/fd/5", [39, "753", 40_960 * 512, 22_433, "/proc/22433/fd/5"]],
  ["39 754 8 /proc/22435/map_files/7f-80", [39, "754", 8 * 512, 22_433, "/proc/22435/map_files/7f-80"]],
  ["39 755 8 /proc/22433/exe", [39, "755", 8 * 512, 22_433, "/proc/22433/exe"]],
])("the line %j is a file", (line, fields) => {
  const file = openDeletedFile(line, (thread) => (thread === 22_435 ? 22_433 : thread));

  expect([file?.device, file?.inode, file?.bytes, file?.holder, file?.link]).toEqual(fields);
});

test.each([
  "",
  "39 753 40960",
  "x 1 2 3.4 /proc/1/fd/5",
  "39 753 8 /proc/1/fd/5 /proc/2/fd/6",
  "39 753 8 /etc/x",
  "39 753 8 /proc/1/cwd",
  "39 753 0 /proc/1/fd/5",
])("a line that is none of a file with blocks, %j, is no file", (line) => {
  expect(openDeletedFile(line, (thread) => thread)).toBeNull();
});

test.each<[string, number, Ground, unknown]>([
  ["in its own file system", 39, ground("a", 39), { runId: "a", where: "layer" }],
  ["on the folders' disk", POOL, ground("a", 39), { runId: "a", where: "folders" }],
  ["on a disk that is both", POOL, ground("a", POOL), { runId: "a", where: "either" }],
  ["in another's file system, handed over", 40, ground("a", 39), { runId: "b", where: "layer" }],
  ["in memory", 1, ground("a", 39), null],
  ["on a disk where it has no folder", POOL, ground("a", 39, []), null],
  ["in its own file system that is not known", 39, ground("a", null), null],
])("a file %s", (_, device, holder, place) => {
  expect(deletedPlace({ device }, holder, [holder, ground("b", 40)])).toEqual(place);
});

test("a path lies on the innermost mount above it, and only whole names count", () => {
  const mounts = mountPoints(
    [
      "123 55 0:39 / / rw,relatime - overlay overlay rw,lowerdir=/a",
      "140 123 254:0 /pool/x /gemini/code rw,relatime - ext4 /dev/vda rw",
      "141 123 254:0 /pool/y /gemini/code/data ro,nosuid - ext4 /dev/vda rw",
      String.raw`142 123 254:0 /pool/z /with\040blank rw - ext4 /dev/vda rw`,
      "",
    ].join("\n"),
  );

  expect(mountOf("/big", mounts)).toEqual({ point: "/", isReadOnly: false });
  expect(mountOf("/gemini/code/big", mounts)?.point).toBe("/gemini/code");
  expect(mountOf("/gemini/codex", mounts)?.point).toBe("/");
  expect(mountOf("/gemini/code/data/x", mounts)).toEqual({ point: "/gemini/code/data", isReadOnly: true });
  expect(mountOf("/gemini/code", mounts)?.point).toBe("/gemini/code");
  expect(mountOf("/with blank/x", mounts)?.point).toBe("/with blank");
  expect(mountOf("/big", [])).toBeNull();
});

test("what runs hold counts to who queries one of their folders, once, and by whole names", () => {
  const runs = [
    { sources: ["env/7/code", "env/7/output"], bytes: 100 },
    { sources: ["env/77/code"], bytes: 1_000 },
    { sources: [], bytes: 5 },
  ];

  expect(deletedBelow(["env/7/code", "env/7/output"], runs)).toBe(100);
  expect(deletedBelow(["env/7"], runs)).toBe(100);
  expect(deletedBelow(["env"], runs)).toBe(1_100);
  expect(deletedBelow(["env/7/co", "other"], runs)).toBe(0);
  expect(deletedBelow([], runs)).toBe(0);
});

test.each([
  ["layer", null, "layerBytes"],
  ["layer", { point: "/gemini/data-1", isReadOnly: true }, "layerBytes"],
  ["folders", { point: "/gemini/code", isReadOnly: false }, "folderBytes"],
  ["folders", { point: "/gemini/data-1", isReadOnly: true }, null],
  ["folders", null, "folderBytes"],
  ["either", { point: "/", isReadOnly: false }, "layerBytes"],
  ["either", { point: "/gemini/code", isReadOnly: false }, "folderBytes"],
  ["either", { point: "/gemini/data-1", isReadOnly: true }, null],
  ["either", null, "folderBytes"],
] as const)("a file on %s, deleted from %o, counts as %s", (where, mount, counted) => {
  expect(countsAs(where, mount)).toBe(counted);
});
