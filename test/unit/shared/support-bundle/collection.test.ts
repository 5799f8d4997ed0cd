/** Each collector has its time and its bytes, and none holds up another. */
import { expect, test } from "vitest";
import { collectAll, type Collector } from "@remotegpu/shared/support-bundle/collection";
import { Redactor } from "@remotegpu/shared/support-bundle/redaction";
import { bundleArchive } from "@remotegpu/shared/support-bundle/bundle-archive";
import { entriesOf } from "@remotegpu/agent/toolbox/archive";

const redactor = new Redactor(["known-secret"]);

function collector(name: string, collect: Collector["collect"], bounds: Partial<Collector> = {}): Collector {
  return { name, source: `the ${name}`, collect, ...bounds };
}

test("one that hangs or fails is named, and the others are whole", async () => {
  const collected = await collectAll(
    [
      collector("hangs", () => new Promise<void>(() => undefined), { withinMs: 30 }),
      collector("fails", () => {
        throw new Error("no known-secret here", { cause: new Error("deeper") });
      }),
      collector("is-well", (add) => add("all of it")),
      collector(
        "is-late",
        async (add, signal) => {
          add("the first part");
          await new Promise((resolve) => signal.addEventListener("abort", resolve));
          add("and what came too late");
        },
        { withinMs: 30 },
      ),
    ],
    { redactor },
  );

  expect(collected.entries).toEqual([
    { name: "is-well", text: "all of it" },
    { name: "is-late", text: "the first part" },
  ]);
  expect(collected.left_out).toEqual([
    { name: "hangs", source: "the hangs", reason: "not done within 0.03 s" },
    { name: "fails", source: "the fails", reason: "no [redacted] here: deeper" },
  ]);
  expect(collected.described.map(({ name, bytes, incomplete }) => [name, bytes, incomplete])).toEqual([
    ["is-well", 9, undefined],
    ["is-late", 14, "not done within 0.03 s"],
  ]);
});

test("an entry is cut at its bytes once it is redacted, and between characters", async () => {
  const collected = await collectAll(
    [
      collector("long", (add) => add("ab known-secret"), { maxBytes: 7 }),
      collector("wide", (add) => add("ééé"), { maxBytes: 3 }),
    ],
    { redactor },
  );

  expect(collected.entries).toEqual([
    { name: "long", text: "ab [red" },
    { name: "wide", text: "é" },
  ]);
  expect(collected.described.map(({ redacted, incomplete }) => [redacted, incomplete])).toEqual([
    [1, "the first 7 of 13 bytes"],
    [0, "the first 2 of 6 bytes"],
  ]);
});

test("all entries together have a bound", async () => {
  const collected = await collectAll(
    [collector("a", (add) => add("12345")), collector("b", (add) => add("12345"))],
    { redactor, maxBytes: 8 },
  );

  expect(collected.entries.map(({ text }) => text)).toEqual(["12345", "123"]);
});

test("the archive is one folder with the manifest first", async () => {
  const collected = await collectAll([collector("a.txt", (add) => add("content"))], { redactor });
  const head = { program: "remotegpu-agent", version: "1.2.3", madeAt: new Date(0), tookMs: 5 };

  const entries = entriesOf(Buffer.from(bundleArchive("folder", head, collected)));

  expect(entries.map(({ path, kind }) => [path, kind])).toEqual([
    ["folder/manifest.json", "file"],
    ["folder/a.txt", "file"],
  ]);
  const [manifest, content] = entries.map((entry) => (entry.kind === "file" ? entry.content.toString() : ""));
  expect(content).toBe("content");
  expect(JSON.parse(manifest ?? "")).toMatchObject({
    program: "remotegpu-agent",
    version: "1.2.3",
    made_at: "1970-01-01T00:00:00.000Z",
    entries: [{ name: "a.txt", bytes: 7, source: "the a.txt", redacted: 0 }],
    left_out: [],
  });
});
