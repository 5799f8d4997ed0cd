/** An order in a file, whatever is in the file. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { orderIn } from "@remotegpu/control-plane/cli/work/order-file";
import { afterEach, beforeEach, expect, test } from "vitest";

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "remotegpu-order-"))));
afterEach(() => rmSync(folder, { recursive: true }));

function fileOf(text: string): string {
  const file = join(folder, "job.yaml");
  writeFileSync(file, text);
  return file;
}

const ORDER = `# a comment
name: train
image: pytorch/pytorch
command: |
  python train.py
  echo done
cpu: 4
memory: 17179869184
env_vars: &vars {EPOCHS: "3"}
array: {from: 0, to: 9, at_once: 2}
config: {max_minutes: 90}
`;

test("YAML expresses what the API takes, with comments, texts of several lines and anchors", async () => {
  expect(await orderIn(fileOf(ORDER))).toEqual({
    name: "train",
    image: "pytorch/pytorch",
    command: "python train.py\necho done\n",
    cpu: 4,
    memory: 17_179_869_184,
    env_vars: { EPOCHS: "3" },
    array: { from: 0, to: 9, at_once: 2 },
    config: { max_minutes: 90 },
  });
  expect(await orderIn(fileOf('{"name": "j", "cpu": 1}'))).toEqual({ name: "j", cpu: 1 });
  expect(await orderIn(fileOf("a: &a [1]\nb: *a"))).toEqual({ a: [1], b: [1] });
});

const BOMB = [
  "a: &a [x, x, x, x, x, x, x, x, x]",
  ...["b", "c", "d", "e", "f", "g", "h", "i"].map((name, index) => {
    const before = String.fromCodePoint("a".codePointAt(0)! + index);
    return `${name}: &${name} [${Array.from({ length: 9 }, () => `*${before}`).join(", ")}]`;
  }),
].join("\n");

test.each([
  ["a bomb of aliases", BOMB, /its aliases make too much of it/],
  ["a million nodes", `a: [${"1,".repeat(1_000_000)}1]`, /an order has at most 256 KiB/],
  ["as many nodes as fit", `a: [${"1,".repeat(120_000)}1]`, /it says more than 10000 things/],
  ["what is nested without end", `a: ${"[".repeat(100_000)}`, /nested too deep|not read|at line/],
  ["a key that is said twice", "name: a\nname: b", /Map keys must be unique/],
  ["no YAML", "name: [a", /job\.yaml: /],
  ["a list", "- a", /says no members of an order/],
  ["nothing", "", /says no members of an order/],
  ["an anchor that is nowhere", "a: *b", /job\.yaml/],
])("%s is refused, and the reason is given", async (_what, text, report) => {
  await expect(orderIn(fileOf(text))).rejects.toMatchObject({
    kind: "usage",
    message: expect.stringMatching(report),
  });
});

test("tags that would make something else than data of it make nothing", async () => {
  const order = await orderIn(fileOf("name: !!js/function 'function () {}'"));

  expect(order).toEqual({ name: "function () {}" });
});

test("a file that is not there is named", async () => {
  await expect(orderIn("/nowhere/job.yaml")).rejects.toMatchObject({
    kind: "usage",
    message: "The file /nowhere/job.yaml cannot be read.",
  });
});
