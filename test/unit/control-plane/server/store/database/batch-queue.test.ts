/** What comes together is answered together, and a failure stays with the one that is at fault. */
import { setImmediate } from "node:timers/promises";
import { BatchQueue, type BatchQueueRules } from "@remotegpu/control-plane/server/store/database/batch-queue";
import { expect, test } from "vitest";

interface Request {
  readonly name: string;
}
const request = (name: string): Request => ({ name });

/** A desk that keeps what it answered together, by name; asks whose names begin with "bad" fail their transaction. */
function queueWith(rules: Partial<BatchQueueRules<Request, string>> = {}) {
  const rounds: string[] = [];
  const batchQueue = new BatchQueue<Request, string>({
    atATime: 1,
    next: (waiting) => [...waiting],
    async answer(requests) {
      rounds.push(requests.map(({ name }) => name).join(" "));
      await setImmediate();
      const bad = requests.find(({ name }) => name.startsWith("bad"));
      if (bad !== undefined) throw new Error(`${bad.name} does not fit`);
      return requests.map(({ name }) => name.toUpperCase());
    },
    isOneAtFault: () => true,
    ...rules,
  });
  return { batchQueue, rounds };
}

test("requests of one moment are answered together, those that come meanwhile with the next ones", async () => {
  const { batchQueue, rounds } = queueWith();

  const first = [batchQueue.take(request("a")), batchQueue.take(request("b"))];
  await setImmediate();
  const later = [batchQueue.take(request("c")), batchQueue.take(request("d"))];

  expect(await Promise.all([...first, ...later])).toEqual(["A", "B", "C", "D"]);
  expect(rounds).toEqual(["a b", "c d"]);
});

test("the rules bound what goes together", async () => {
  const { batchQueue, rounds } = queueWith({ next: (waiting) => [...waiting].slice(0, 2) });

  await Promise.all(["a", "b", "c"].map((name) => batchQueue.take(request(name))));

  expect(rounds).toEqual(["a b", "c"]);
});

test("of requests that failed together each is answered by itself, and the bad one alone is refused", async () => {
  const { batchQueue, rounds } = queueWith();

  const settled = await Promise.allSettled(["a", "bad", "c"].map((name) => batchQueue.take(request(name))));

  expect(settled.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect(settled[1]).toMatchObject({ reason: { message: "bad does not fit" } });
  expect(rounds).toEqual(["a bad c", "a", "bad", "c"]);
});

test("where nobody knows who is at fault, all are notified of the failure", async () => {
  const { batchQueue, rounds } = queueWith({ isOneAtFault: () => false });

  const settled = await Promise.allSettled(["a", "bad"].map((name) => batchQueue.take(request(name))));

  expect(settled.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(rounds).toEqual(["a bad"]);
  expect(await batchQueue.take(request("c"))).toBe("C");
});

test("a rejected answer is one request's own, and an answer to come keeps nobody", async () => {
  const late = Promise.withResolvers<string>();
  const { batchQueue } = queueWith({
    answer: ([first, second]) =>
      Promise.resolve([
        first?.name === "slow" ? late.promise : "done",
        ...(second === undefined ? [] : [Promise.reject(new Error("refused"))]),
      ]),
  });

  const slow = batchQueue.take(request("slow"));
  const refused = batchQueue.take(request("refused"));

  await expect(refused).rejects.toThrow("refused");
  expect(await batchQueue.take(request("next"))).toBe("done");
  late.resolve("at last");
  expect(await slow).toBe("at last");
});

test("so many transactions at a time, and what the rules defer waits for the one in progress", async () => {
  const gates = new Map<string, () => void>();
  const begun: string[] = [];
  const { batchQueue } = queueWith({
    atATime: 2,
    next(waiting, pending) {
      const busy = new Set([...pending].map(({ name }) => name));
      return [...waiting].filter(({ name }) => !busy.has(name)).slice(0, 1);
    },
    async answer([one]) {
      const name = one?.name ?? "";
      begun.push(name);
      await new Promise<void>((resolve) => gates.set(name, resolve));
      return [name];
    },
  });

  const all = ["a", "a", "b", "c"].map((name) => batchQueue.take(request(name)));
  for (let turn = 0; turn < 5; turn += 1) await setImmediate();
  const atFirst = [...begun];
  for (const name of ["a", "a", "b", "c"]) {
    while (!gates.has(name)) await setImmediate();
    gates.get(name)?.();
    gates.delete(name);
  }

  expect(atFirst).toEqual(["a", "b"]);
  expect(await Promise.all(all)).toEqual(["a", "a", "b", "c"]);
});
