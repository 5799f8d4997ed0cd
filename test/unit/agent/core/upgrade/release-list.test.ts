/** The list of a release's files. */
import { expect, test } from "vitest";
import { parseReleaseList } from "../../../../../agent/src/core/upgrade/release-list.ts";

const HASH = "a".repeat(64);
const NAMES = ["access.mjs", "agent.mjs", "files.mjs", "upgrade.mjs"];
const FILES = [...NAMES.map((name) => `${HASH} 644 ${name}`), `${HASH} 755 node`];
const list = (...lines: string[]) => [`remotegpu-agent 1.0.0-abc`, ...lines, ""].join("\n");

test("a list has a version, and of each file its name, hash and mode", () => {
  expect(parseReleaseList(list(...FILES))).toEqual({
    version: "1.0.0-abc",
    files: [
      ...NAMES.map((name) => ({ name, sha256: HASH, mode: 0o644 })),
      { name: "node", sha256: HASH, mode: 0o755 },
    ],
  });
});

test.each([
  [
    "a release from before there was an upgrade program",
    list(...FILES.filter((line) => !line.includes("upgrade"))),
  ],
  ["a name that leaves the folder", list(...FILES, `${HASH} 644 ../etc`)],
  ["a hidden name", list(...FILES, `${HASH} 644 .lock`)],
  ["a mode with more bits", list(...FILES, `${HASH} 4755 su`)],
  ["a short hash", list(...FILES, "abc 644 x")],
  ["another first line", ["remotegpu 1.0.0", ...FILES].join("\n")],
  ["a version that is a path", ["remotegpu-agent ../1", ...FILES].join("\n")],
  ["nothing", ""],
])("%s is no list of an upgrade's target", (_, text) => {
  expect(parseReleaseList(text)).toBeNull();
});
