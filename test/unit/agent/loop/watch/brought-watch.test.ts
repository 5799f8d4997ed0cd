/** Each image is looked at once, in a container that runs, and never while another one is. */
import { expect, test } from "vitest";
import { BroughtWatch } from "@remotegpu/agent/loop/watch/brought-watch";
import { RuntimeDown } from "@remotegpu/agent/runtime/docker/runtime-error";
import { memoryLog } from "../../../../support/memory-log.ts";
import { containerOf, key } from "../../../../support/samples/run-samples.ts";

const imageOf = (name: string) => `sha256:${name.repeat(64)}`;
const container = (name: string, image: string | undefined) => ({
  ...containerOf(key({ run: name }), undefined, {}),
  containerId: name,
  imageId: image,
});

function watch(answer: (containerId: string) => Promise<string[] | null>) {
  const requested: string[] = [];
  const log = memoryLog();
  let wakes = 0;
  const brought = new BroughtWatch({
    runtime: {
      broughtBy: (containerId) => {
        requested.push(containerId);
        return answer(containerId);
      },
    },
    wake: () => (wakes += 1),
    log,
  });
  return { brought, requested, log, wakes: () => wakes };
}

test("an image is checked in the first of its containers, and the loop is woken to report it", async () => {
  const { brought, requested, wakes } = watch(() => Promise.resolve(["shell"]));
  const running = [
    container("nameless", undefined),
    container("c1", imageOf("a")),
    container("c2", imageOf("a")),
  ];

  await brought.check(running, 0);
  await brought.check(running, 1);

  expect(requested).toEqual(["c1"]);
  expect(brought.brought).toEqual(new Map([[imageOf("a"), ["shell"]]]));
  expect(wakes()).toBe(1);
});

test("one check at a time", async () => {
  let end: (words: string[]) => void = () => undefined;
  const { brought, requested } = watch(() => new Promise((resolve) => (end = resolve)));
  const running = [container("c1", imageOf("a")), container("c2", imageOf("b"))];

  const first = brought.check(running, 0);
  await brought.check(running, 1);
  end([]);
  await first;

  expect(requested).toEqual(["c1"]);
  expect(brought.brought.get(imageOf("a"))).toEqual([]);
});

test("a container that went away proves nothing of its image", async () => {
  const { brought, requested } = watch((id) => Promise.resolve(id === "c1" ? null : ["python"]));

  await brought.check([container("c1", imageOf("a"))], 0);
  await brought.check([container("c2", imageOf("a"))], 1);

  expect(requested).toEqual(["c1", "c2"]);
  expect(brought.brought.get(imageOf("a"))).toEqual(["python"]);
});

test("after a failure it rests for a minute, and reports so once", async () => {
  const { brought, requested, log } = watch(() => Promise.reject(new RuntimeDown("no answer")));
  const running = [container("c1", imageOf("a"))];

  for (const nowMs of [0, 59_999, 60_000, 120_000]) await brought.check(running, nowMs);

  expect(requested).toHaveLength(3);
  expect(log.lines).toHaveLength(1);
  expect(brought.brought.size).toBe(0);
});

test("of very many images the first is forgotten", async () => {
  const { brought } = watch(() => Promise.resolve([]));
  const images = Array.from({ length: 257 }, (_, at) => `sha256:${String(at).padStart(64, "0")}`);

  for (const [at, image] of images.entries()) await brought.check([container(`c${at}`, image)], at);

  expect(brought.brought.size).toBe(256);
  expect(brought.brought.has(images[0]!)).toBe(false);
});
