/** Which archives are taken as the code of a job, and why others are not. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { execa } from "execa";
import { expect, test } from "vitest";
import { checkArchive } from "@remotegpu/control-plane/server/http/code/archive-reading";
import { type Entry, packOf, tarOf } from "../../../../../support/code/archives.ts";

/** In pieces that end anywhere. */
const check = (packed: Buffer) => {
  const pieces = Array.from({ length: Math.ceil(packed.length / 700) }, (_, at) =>
    packed.subarray(at * 700, (at + 1) * 700),
  );
  return checkArchive(Readable.from(pieces, { objectMode: false }));
};

const main: Entry = { name: "main.py", content: "print(1)\n" };

test.each<[string, Entry[], string]>([
  [
    "a link to an absolute path",
    [{ name: "a", target: "/etc/passwd" }],
    '"a" is a link that leaves it, to "/etc/passwd"',
  ],
  ["a link upwards", [{ name: "d/a", target: "../../x" }], '"d/a" is a link that leaves it, to "../../x"'],
  ["a file below a link", [{ name: "a", target: "b" }, { name: "a/x" }], '"a/x" lies below a link'],
  ["a file below a file", [{ name: "a" }, { name: "a/x" }], '"a/x" lies below a file'],
  ["a file in a link's place", [{ name: "a", target: "b" }, { name: "a" }], '"a" is in it twice'],
  ["a block device", [{ name: "disk", type: "4" }], '"disk" is a device'],
  ["a character device", [{ name: "mem", type: "3" }], '"mem" is a device'],
  ["a pipe", [{ name: "p", type: "6" }], '"p" is a pipe'],
  ["a hard link", [{ name: "h", type: "1" }], '"h" is a second name of another file (a hard link)'],
  ["what nobody knows", [{ name: "z", type: "Z" }], '"z" is neither a file nor a folder nor a link'],
  ["an absolute path", [{ name: "/etc/cron.d/x" }], '"/etc/cron.d/x" has an absolute path'],
  ["a path upwards", [{ name: "a/../../x" }], '"a/../../x" has a path with ..'],
  ["a file without a name", [{ name: "./" }], '"./" has no name'],
  ["a name that is too long", [{ name: "n".repeat(1_001) }], "has a name of more than 1000 bytes"],
  ["a name without end", [{ name: "n".repeat(9_000) }], "it has a name of more than 8192 bytes"],
  ["a file that claims 2 GiB", [{ name: "big", bytes: 2 ** 31 }], "makes it more than the 1073741824 bytes"],
  [
    "files that claim so together",
    [
      { name: "a", bytes: 0 },
      { name: "b", bytes: 2 ** 30 + 1 },
    ],
    '"b" makes it more',
  ],
  [
    "a name that only pax knows",
    [{ name: "x", type: "x", content: "12 path=abc\n" }],
    "it has names that only pax knows",
  ],
])("%s is refused, by its name", async (_what, entries, why) => {
  expect(await check(packOf([main, ...entries]))).toEqual({
    isSound: false,
    why: expect.stringContaining(why),
  });
});

test.each<[string, Buffer, string]>([
  ["no gzip", Buffer.from("print(1)\n"), "it is no gzip file, or a broken one"],
  ["nothing", Buffer.alloc(0), "it is no gzip file, or a broken one"],
  ["a gzip that breaks off", packOf([main]).subarray(0, -12), "it is no gzip file, or a broken one"],
  ["a gzip of something else", gzipSync("x".repeat(600)), "it is no tar archive, or a broken one"],
  ["a tar that breaks off", gzipSync(tarOf([{ ...main, bytes: 5_000 }]).subarray(0, 600)), "it breaks off"],
  [
    "something behind its end",
    gzipSync(Buffer.concat([tarOf([main]), tarOf([main])])),
    "it has something behind its end",
  ],
])("%s is refused", async (_what, packed, why) => {
  expect(await check(packed)).toEqual({ isSound: false, why: expect.stringContaining(why) });
});

test("more files than there may be are refused", async () => {
  const many = Array.from({ length: 100_001 }, (_, at) => ({ name: String(at) }));

  expect(await check(packOf(many))).toEqual({
    isSound: false,
    why: '"100000" is one more than the 100000 that there may be',
  });
});

test(
  "what is small and becomes large once it is unpacked is given up midway",
  { timeout: 60_000 },
  async () => {
    // Zeros behind the end of the archive, which is where nobody counts the files: 1.5 GiB in 1.5 MB.
    const piece = gzipSync(Buffer.alloc(2 ** 26));
    const bomb = Buffer.concat([packOf([main]), ...Array.from({ length: 24 }, () => piece)]);

    expect(await check(bomb)).toEqual({
      isSound: false,
      why: expect.stringContaining("bytes long once it is unpacked"),
    });
  },
);

test("what GNU tar packs of a folder is taken, long names, links and folders among it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "rg-archive-"));
  const deep = join(folder, "code", "d".repeat(80), "e".repeat(80));
  mkdirSync(deep, { recursive: true });
  writeFileSync(join(deep, "größe.py"), "x".repeat(1_000));
  symlinkSync("größe.py", join(deep, "link"));
  await execa("tar", ["-C", join(folder, "code"), "-czf", join(folder, "code.tar.gz"), "."]);

  const reported = await check(readFileSync(join(folder, "code.tar.gz")));
  rmSync(folder, { recursive: true });

  expect(reported).toEqual({ isSound: true, entries: 4, unpackedBytes: 1_000 });
});
