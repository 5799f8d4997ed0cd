/** Names of files as a server tells them: none becomes a path of its own here. */
import type { FileEntry } from "@remotegpu/control-plane/client/generated/api.schemas";
import { answer } from "../../../../../support/http/answer.ts";
import { expect, test } from "vitest";
import { bytesOfName } from "@remotegpu/control-plane/cli/files/download/download";

const entry = (name: string, base64: string | null = null) =>
  answer<FileEntry>({
    name,
    name_base64: base64,
    type: "file",
    size: 1,
    modified_at: null,
  });

test.each(["", ".", "..", "../.bashrc", "/etc/passwd", "a/b", "a\0b"])("%j is no name of a file", (name) => {
  expect(() => bytesOfName(entry(name))).toThrow("leads out of its folder");
  expect(() => bytesOfName(entry("x", Buffer.from(name).toString("base64url")))).toThrow("leads out");
});

test.each(["a", "...", "..a", "ä b"])("%j is one", (name) => {
  expect(bytesOfName(entry(name)).toString()).toBe(name);
});
