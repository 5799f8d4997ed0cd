/** The one reader of what others send: it holds no more than it may, and ends when it is told to. */
import { describe, expect, test } from "vitest";
import { BodyTooLongError, boundedBody } from "@remotegpu/shared/bounded-body";

const never = new AbortController().signal;

async function* endless(taken: { pieces: number }): AsyncGenerator<Uint8Array> {
  for (;;) {
    taken.pieces += 1;
    yield new Uint8Array(4);
  }
}

async function* of(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

describe("a body", () => {
  test.each([
    [[], 0, ""],
    [["ab", "cd"], 4, "abcd"],
    [["ab", "", "c"], 4, "abc"],
  ])("of %j within %d bytes is %j", async (texts, maxBytes, whole) => {
    const bytes = await boundedBody(of(...texts), { maxBytes, signal: never });

    expect(Buffer.from(bytes).toString()).toBe(whole);
  });

  test("that has no end is left at the first piece beyond the bound", async () => {
    const taken = { pieces: 0 };

    const reading = boundedBody(endless(taken), { maxBytes: 12, signal: never });

    await expect(reading).rejects.toThrow(new BodyTooLongError(12));
    expect(taken.pieces).toBe(4);
  });

  test("of which nothing comes ends with its signal", async () => {
    const ended = new AbortController();
    const silent = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => undefined) }) };

    const reading = boundedBody(silent, { maxBytes: 12, signal: ended.signal });
    ended.abort(new Error("too late"));

    await expect(reading).rejects.toThrow("too late");
  });

  test("that breaks off is its own error", async () => {
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield Buffer.from("half");
      throw new Error("reset");
    }

    await expect(boundedBody(broken(), { maxBytes: 12, signal: never })).rejects.toThrow("reset");
  });
});
