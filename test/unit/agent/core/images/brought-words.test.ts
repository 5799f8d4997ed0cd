/** Which paths are looked at in an image, and what those that are there mean. */
import { expect, test } from "vitest";
import { candidatesFor, wordsOf } from "@remotegpu/agent/core/images/brought-words";

const pathsOf = (word: string, env: string[]) =>
  candidatesFor(env).flatMap((check) => (check.word === word ? [check.path] : []));

test("programs are searched for where the image defines, a shell where it is needed", () => {
  const env = ["LANG=C", "PATH=/opt/conda/bin:/usr/bin", "PATHS=/nowhere"];

  expect(pathsOf("notebook", env)).toEqual(["/opt/conda/bin/jupyter-lab", "/usr/bin/jupyter-lab"]);
  expect(pathsOf("shell", env)).toEqual(["/bin/sh"]);
  expect(pathsOf("xrdp", env)).toEqual(["/usr/sbin/xrdp", "/usr/local/sbin/xrdp"]);
  expect(pathsOf("sshd", env)).toContain("/usr/sbin/sshd");
});

test.each([[[]], [["PATH="]]])("an image that defines nothing has the usual folders: %j", (env) => {
  expect(pathsOf("tensorboard", env)).toContain("/usr/local/bin/tensorboard");
});

test("folders that are none are left out, one twice counts once, and many are bounded", () => {
  expect(pathsOf("tensorboard", ["PATH=bin:./x::/usr/bin/:/usr/bin"])).toEqual(["/usr/bin/tensorboard"]);
  expect(pathsOf("tensorboard", [`PATH=/${"x".repeat(256)}:/a`])).toEqual(["/a/tensorboard"]);
  const many = Array.from({ length: 500 }, (_, at) => `/f${at}`).join(":");
  expect(candidatesFor([`PATH=${many}`]).length).toBeLessThanOrEqual(64);
});

test("what was found is listed by its words, each once and always in the same order", () => {
  const [bash, ...others] = candidatesFor(["PATH=/bin:/usr/bin"]);

  expect(wordsOf([], "")).toEqual([]);
  expect(wordsOf([...others, bash!], "")).toEqual([
    "bash",
    "notebook",
    "python",
    "shell",
    "sshd",
    "tensorboard",
    "xrdp",
  ]);
});

test.each([
  ["", []],
  ["root", []],
  ["0:0", []],
  ["1000:1000", ["user"]],
  ["jovyan", ["user"]],
])("an image that runs as %j", (user, words) => {
  expect(wordsOf([], user)).toEqual(words);
});
