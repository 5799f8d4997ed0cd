/** How code comes into a container: before the command, on its line, and only where it belongs. */
import { expect, test } from "vitest";
import { execa } from "execa";
import { codeFolderArchive, unpackingFirst } from "@remotegpu/agent/core/container/code-unpacking";

test("the command begins only once its code is there, and keeps its own lines", () => {
  const command = unpackingFirst("python train.py\necho done");

  expect(command.split("\n")).toEqual([
    '/.remotegpu/busybox tar -xzf /.remotegpu-code -C /gemini/code || { echo "The code of the job could not be unpacked." >&2; exit 125; }; python train.py',
    "echo done",
  ]);
});

test("the folder that is laid into it is anybody's, the one above is not", async () => {
  const { stdout } = await execa("tar", ["-tvf", "-"], { input: codeFolderArchive() });

  expect(stdout.split("\n").map((line) => line.replace(/ .* /, " "))).toEqual([
    "drwxr-xr-x gemini/",
    "drwxrwxrwt gemini/code/",
  ]);
});
