/** What of a folder goes along as the code of a job, and that the same files are the same bytes. */
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { randomBytes } from "node:crypto";
import { execa } from "execa";
import { afterEach, beforeEach, expect, test } from "vitest";
import { packCode } from "@remotegpu/control-plane/cli/code/pack-code";

const BUSYBOX = "/usr/bin/busybox";

let here: string;
let top: string;
let packs = 0;

beforeEach(() => {
  here = mkdtempSync(join(tmpdir(), "rg-pack-"));
  top = join(here, "code");
});
afterEach(() => rmSync(here, { recursive: true }));

function lay(files: Record<string, string | Buffer>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(top, path)), { recursive: true });
    writeFileSync(join(top, path), content);
  }
}

async function pack() {
  const to = join(here, `pack-${(packs += 1)}`);
  return { ...(await packCode(top, to, new AbortController().signal)), to };
}

/** As busybox reads it, which is what unpacks it. */
async function unpacked(to: string): Promise<string[]> {
  const { stdout } = await execa(BUSYBOX, ["tar", "-tzf", to]);
  return stdout
    .split("\n")
    .filter((name) => name !== "" && !name.endsWith("/"))
    .toSorted();
}

test("what .gitignore leaves out stays here, by the innermost word of it, and what git keeps for itself", async () => {
  lay({
    ".gitignore": "*.log\n/data/\n!keep.log\n",
    ".git/config": "secret",
    "main.py": "",
    "run.log": "",
    "keep.log": "",
    "data/large": "",
    "lib/data/small": "",
    "lib/.gitignore": "!run.log\ncache\n",
    "lib/run.log": "",
    "lib/cache/x": "",
  });

  expect(await unpacked((await pack()).to)).toEqual([
    ".gitignore",
    "keep.log",
    "lib/.gitignore",
    "lib/data/small",
    "lib/run.log",
    "main.py",
  ]);
});

test("the same files are the same bytes, whenever they were written; another right or letter is not", async () => {
  lay({ "a/main.py": "print(1)", "b.sh": "true" });
  const first = await pack();
  utimesSync(join(top, "b.sh"), 1, 1);
  const again = await pack();
  chmodSync(join(top, "b.sh"), 0o755);
  const changed = await pack();

  expect(again.sha256).toBe(first.sha256);
  expect(changed.sha256).not.toBe(first.sha256);
});

test("long names, names in any letters, links and rights arrive as they are", async () => {
  const long = `${"d".repeat(90)}/${"f".repeat(90)}.py`;
  lay({ [long]: "long", "größe.py": "x", "run.sh": "#!/bin/sh\n" });
  chmodSync(join(top, "run.sh"), 0o755);
  symlinkSync(long, join(top, "short"));
  const { to } = await pack();
  mkdirSync(join(here, "out"));

  await execa(BUSYBOX, ["tar", "-xzf", to, "-C", join(here, "out")]);

  expect(readdirSync(join(here, "out")).toSorted()).toEqual(
    ["d".repeat(90), "größe.py", "run.sh", "short"].toSorted(),
  );
  expect((await execa("cat", [join(here, "out/short")])).stdout).toBe("long");
  expect((await execa(join(here, "out/run.sh"))).exitCode).toBe(0);
});

test.each([
  [
    "a link that leaves the folder",
    () => symlinkSync("../outside", join(top, "away")),
    "away is a link that leaves the folder",
  ],
  [
    "a link to an absolute path",
    () => symlinkSync("/etc", join(top, "etc")),
    "etc is a link that leaves the folder",
  ],
])("%s is refused here, with its name", async (_what, make, why) => {
  lay({ "main.py": "" });
  make();

  await expect(pack()).rejects.toThrow(why);
});

test("what is more than 100 MB packed is refused, with what takes most", { timeout: 60_000 }, async () => {
  lay({ "main.py": "", "weights.bin": randomBytes(101_000_000) });

  await expect(pack()).rejects.toThrow(/more than 100 MB packed.* weights\.bin \(/);
});

test("a folder that is not there is reported", async () => {
  await expect(pack()).rejects.toThrow(/There is no folder/);
});
