/** What the files process answers in place of a file: a kind, a sentence, and its code. */
import { FileRefusal, refusalOf } from "@remotegpu/agent/files/entries/refusal";
import { HostRefusal } from "@remotegpu/shared/messages/file-refusal";
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import { expect, test } from "vitest";

function systemError(code: string): Error {
  return Object.assign(new Error("/pool/secret/path"), { code });
}

test.each([
  ["ENOENT", "not-found", "pool-file-missing", "There is no such file or folder."],
  ["ENOTDIR", "not-a-folder", "pool-path-through-file", "A part of the path is no folder."],
  [
    "EXDEV",
    "leaves-folder",
    "pool-link-leaves-folder",
    "It is a link that leaves its folder, or leads nowhere.",
  ],
  [
    "ELOOP",
    "leaves-folder",
    "pool-link-leaves-folder",
    "It is a link that leaves its folder, or leads nowhere.",
  ],
  ["EISDIR", "not-a-file", "pool-file-is-folder", "It is a folder."],
  ["ENAMETOOLONG", "bad-path", "pool-path-too-long", "The path is too long."],
  ["EAGAIN", "busy", "pool-path-being-renamed", "What is on the way there is being renamed all the time."],
  ["ENOSPC", "no-room", "pool-disk-full", "The disk of the storage pool is full."],
  ["EDQUOT", "no-room", "pool-quota-exhausted", "A quota of the storage pool's file system is used up."],
  ["EROFS", "failed", "pool-read-only", "The storage pool takes no writes."],
  ["EMFILE", "busy", "host-open-files-too-many", "Too many files are open on that host."],
  ["ENFILE", "busy", "host-open-files-too-many", "Too many files are open on that host."],
])("%s of the kernel is refused as %s with code %s", (code, reason, why, detail) => {
  expect(refusalOf(systemError(code))?.body).toEqual({ reason, detail, why: { code: why, params: {} } });
});

test("a failure of the host's own is no refusal", () => {
  expect(refusalOf(systemError("EIO"))).toBeNull();
  expect(refusalOf("ENOENT")).toBeNull();
});

test("a refusal stays itself", () => {
  const refusal = new FileRefusal("changed", "upload-not-open");

  expect(refusalOf(refusal)).toBe(refusal);
});

const PATH = "data/{fault} 1.bin";

test.each<[HostReason, string]>([
  [{ code: "listed-file-missing", params: { path: PATH } }, `${PATH} is missing`],
  [{ code: "listed-file-not-plain", params: { path: PATH } }, `${PATH} is no file`],
  [
    { code: "listed-file-size-differs", params: { path: PATH, found_bytes: 3, listed_bytes: 5_000 } },
    `${PATH} has 3 bytes in place of 5000`,
  ],
  [{ code: "listed-file-differs", params: { path: PATH } }, `${PATH} has other bytes than its checksum says`],
])("a version that contradicts its list is refused with its first fault: %j", (fault, text) => {
  const one = new FileRefusal("wrong-bytes", { code: "file-list-contradicted", params: { fault } });
  const three = new FileRefusal("wrong-bytes", {
    code: "file-list-contradicted-often",
    params: { fault, more: 2 },
  });

  expect([one.message, three.message]).toEqual([
    `It does not agree with its list: ${text}.`,
    `It does not agree with its list: ${text}, and so do 2 more.`,
  ]);
  expect(HostRefusal.parse(JSON.parse(JSON.stringify(three.body)))).toEqual(three.body);
});

test("an answer whose code is of another version is taken with its sentence alone", () => {
  const { body } = new FileRefusal("busy", "host-checks-too-many");

  expect(HostRefusal.parse({ ...body, why: { code: "of-tomorrow", params: {} } })).toEqual({
    reason: "busy",
    detail: "That host checks too much now.",
  });
});
