import { expect, test } from "vitest";
import { KeyedSemaphore } from "@remotegpu/shared/keyed-semaphore";

/** Works that end when they are told to, with the order in which they began. */
function works(turns: KeyedSemaphore) {
  const begun: string[] = [];
  const ends = new Map<string, { resolve: () => void; reject: (error: Error) => void }>();
  const begin = (key: string, name: string) =>
    turns.during(key, () => {
      begun.push(name);
      return new Promise<void>((resolve, reject) => ends.set(name, { resolve, reject }));
    });
  return { begun, ends, begin };
}
const settled = () => new Promise((resolve) => setImmediate(resolve));

test("a few of one are at it, the rest in the order in which they came, and others beside them", async () => {
  const { begun, ends, begin } = works(new KeyedSemaphore({ atOnce: 2 }));
  const all = [1, 2, 3, 4].map((number) => begin("a", `a${number}`));
  all.push(begin("b", "b1"));
  await settled();
  expect(begun).toEqual(["a1", "a2", "b1"]);

  ends.get("a2")?.resolve();
  await settled();
  expect(begun).toEqual(["a1", "a2", "b1", "a3"]);

  for (const name of ["a1", "a3", "b1"]) ends.get(name)?.resolve();
  await settled();
  ends.get("a4")?.resolve();
  await Promise.all(all);
});

test("one that fails gives its turn on, and reports so to whoever requested it", async () => {
  const { begun, ends, begin } = works(new KeyedSemaphore({ atOnce: 1 }));
  const first = begin("a", "a1");
  const second = begin("a", "a2");
  await settled();

  ends.get("a1")?.reject(new Error("no answer"));

  await expect(first).rejects.toThrow("no answer");
  await settled();
  expect(begun).toEqual(["a1", "a2"]);
  ends.get("a2")?.resolve();
  await second;
});
