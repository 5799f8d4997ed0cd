/** What an upload is, given what is there of a dataset. */
import { expect, test } from "vitest";
import {
  type Copy,
  mountedFolder,
  planUpload,
  poolByDefault,
  versionFolder,
} from "@remotegpu/control-plane/server/core/data/upload-plan";

const copy = (id: number, version: number, more: Partial<Copy> = {}): Copy => ({
  id,
  version,
  storagePool: "pool-a",
  folder: `u/datasets/1-v${version}-x`,
  status: "ready",
  manifest: `list ${version}`,
  ...more,
});
const V1 = copy(1, 1);
const V2 = copy(2, 2);
const MOUNTED_2 = mountedFolder(V2.folder);

test.each<[string, Copy[], string, [manifest: string, pool: string], object]>([
  [
    "the first one",
    [],
    "by/hand",
    ["x", "pool-a"],
    { kind: "new", version: 1, folder: null, droppedId: null },
  ],
  ["what is mounted", [V1, V2], MOUNTED_2, ["list 2", "pool-a"], { kind: "there", copyId: 2 }],
  [
    "other files",
    [V1, V2],
    MOUNTED_2,
    ["x", "pool-a"],
    { kind: "new", version: 3, folder: null, droppedId: null },
  ],
  // What is not mounted any more is as good as new.
  [
    "an older one",
    [V1, V2],
    MOUNTED_2,
    ["list 1", "pool-a"],
    { kind: "new", version: 3, folder: null, droppedId: null },
  ],
  [
    "what is mounted, in another pool",
    [V1, V2],
    MOUNTED_2,
    ["list 2", "pool-b"],
    { kind: "new", version: 2, folder: V2.folder, droppedId: null },
  ],
  [
    "the rest",
    [V2, copy(3, 3, { status: "uploading" })],
    MOUNTED_2,
    ["list 3", "pool-a"],
    { kind: "go-on", copyId: 3 },
  ],
  [
    "other files than what broke off",
    [V2, copy(3, 3, { status: "error" })],
    MOUNTED_2,
    ["x", "pool-a"],
    { kind: "go-on", copyId: 3 },
  ],
  [
    "the rest, into another pool",
    [V2, copy(3, 3, { status: "uploading" })],
    MOUNTED_2,
    ["list 3", "pool-b"],
    { kind: "new", version: 4, folder: null, droppedId: 3 },
  ],
  [
    "the rest of what is mounted in another pool",
    [V2, copy(3, 2, { status: "uploading", storagePool: "pool-b", manifest: "list 2" })],
    MOUNTED_2,
    ["list 2", "pool-b"],
    { kind: "go-on", copyId: 3 },
  ],
  [
    "other files, where a version was going into one more pool",
    [V2, copy(3, 2, { status: "uploading", storagePool: "pool-b", manifest: "list 2" })],
    MOUNTED_2,
    ["x", "pool-b"],
    { kind: "new", version: 3, folder: null, droppedId: 3 },
  ],
  [
    "what is mounted, once it is there in both pools",
    [V2, copy(3, 2, { storagePool: "pool-b", manifest: "list 2" })],
    MOUNTED_2,
    ["list 2", "pool-b"],
    { kind: "there", copyId: 3 },
  ],
])("%s", (_what, copies, mounted, [manifest, pool], plan) => {
  expect(planUpload({ copies, mounted }, { manifest, pool })).toEqual(plan);
});

test.each([
  [["pool-a"], [], "pool-a"],
  [["pool-a", "pool-b"], ["pool-b", "pool-a"], "pool-b"],
  [["pool-a", "pool-b"], ["gone", "pool-a"], "pool-a"],
  [["pool-a", "pool-b"], ["gone"], null],
  [[], ["pool-a"], null],
])("of the pools %j, with %j used last, the default is %s", (pools, last, expected) => {
  expect(poolByDefault(pools, last)).toBe(expected);
});

test("a version has a folder of its own, whatever is put or removed later", () => {
  const folder = versionFolder({ customerUuid: "u", plural: "models", id: 7, version: 3, unique: "ab12" });

  expect([folder, mountedFolder(folder)]).toEqual(["u/models/7-v3-ab12", "u/models/7-v3-ab12/files"]);
});
