/** A folder with all below it in one answer, of a real files process. */
import { createHash } from "node:crypto";
import { mkdirSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { TREE_FILE_BYTES, type TreeEntry } from "@remotegpu/shared/messages/files";
import { FilesUnderTest } from "../../support/agent/files.ts";

let files: FilesUnderTest;
beforeAll(async () => void (files = await FilesUnderTest.begin()));
afterAll(() => files.end());

/** Its entries by their paths, with the bytes that came along. */
async function tree(path: string, query: Record<string, string> = {}) {
  const { headers, body } = await files.request({ path, query: { tree: "1", ...query } });
  expect(headers["remotegpu-file-type"]).toBe("tree");
  const found = new Map<string, TreeEntry & { text: string | null }>();
  for (let at = 0; ;) {
    const end = body.indexOf("\n", at) + 1;
    const line = JSON.parse(body.subarray(at, end).toString());
    if (line.is_whole === true) return found;
    at = end + (line.sha256 === null ? 0 : line.size);
    const text = line.sha256 === null ? null : body.subarray(end, at).toString();
    found.set(Buffer.from(line.path_base64, "base64url").toString("latin1"), { ...line, text });
  }
}

const sha256 = (text: string) => createHash("sha256").update(text).digest("base64");

test("files that are small come with their bytes, and all else is listed", async () => {
  mkdirSync(files.at("all/inner/empty"), { recursive: true });
  writeFileSync(files.at("all/inner/one"), "one\n");
  writeFileSync(files.at("all/nothing"), "");
  writeFileSync(files.at("all/limit"), "x".repeat(TREE_FILE_BYTES));
  writeFileSync(files.at("all/beyond"), "x".repeat(TREE_FILE_BYTES + 1));
  symlinkSync("/etc", files.at("all/away"));

  const found = await tree("all", { bytesFrom: "0" });

  const reported = [...found].map(([path, { type, size, sha256: sum }]) => [path, [type, size, sum]]);
  expect(Object.fromEntries(reported)).toEqual({
    away: ["link", null, null],
    beyond: ["file", TREE_FILE_BYTES + 1, null],
    inner: ["folder", null, null],
    "inner/empty": ["folder", null, null],
    "inner/one": ["file", 4, sha256("one\n")],
    limit: ["file", TREE_FILE_BYTES, sha256("x".repeat(TREE_FILE_BYTES))],
    nothing: ["file", 0, sha256("")],
  });
  expect([found.get("inner/one")?.text, found.get("nothing")?.text]).toEqual(["one\n", ""]);
  const paths = [...found.keys()];
  expect(paths.indexOf("inner")).toBeLessThan(paths.indexOf("inner/one"));
});

test("only those that are as new as is requested bring their bytes, or none at all", async () => {
  mkdirSync(files.at("ages"));
  for (const [name, seconds] of [
    ["old", 999],
    ["as-new", 1_000],
    ["newer", 1_001],
  ] as const) {
    writeFileSync(files.at(`ages/${name}`), name);
    utimesSync(files.at(`ages/${name}`), seconds, seconds);
  }
  const texts = async (query: Record<string, string>) =>
    Object.fromEntries([...(await tree("ages", query))].map(([name, { text }]) => [name, text]));

  const fromThen = await texts({ bytesFrom: "1000000" });
  expect(fromThen).toEqual({ "as-new": "as-new", newer: "newer", old: null });
  expect(await texts({})).toEqual({ "as-new": null, newer: null, old: null });
});

test("a file is no tree: it comes as itself", async () => {
  writeFileSync(files.at("alone"), "alone");

  const { headers, body } = await files.request({ path: "alone", query: { tree: "1", bytesFrom: "0" } });

  expect([headers["remotegpu-file-type"], body.toString()]).toEqual(["file", "alone"]);
});
