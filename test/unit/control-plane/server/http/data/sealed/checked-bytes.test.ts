/** Bytes that are checked on their way: what goes through is what was asked for, and never its last byte unchecked. */
import { createHash } from "node:crypto";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  type CheckedPart,
  checkedBytes,
} from "@remotegpu/control-plane/server/http/data/sealed/checked-bytes";

const PART = 16;
const sum = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("base64");

async function* each<T>(values: readonly T[]): AsyncGenerator<T> {
  yield* values;
}

function partsOf(bytes: Uint8Array): CheckedPart[] {
  return Array.from({ length: Math.max(1, Math.ceil(bytes.length / PART)) }, (_, at) => {
    const part = bytes.subarray(at * PART, (at + 1) * PART);
    return { bytes: part.length, sha256: sum(part) };
  });
}

function cutAt(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
  return places.slice(1).map((end, at) => bytes.subarray(places[at], end));
}

async function read(stream: ReadableStream<Uint8Array>): Promise<{ bytes: Buffer; isWhole: boolean }> {
  const taken: Uint8Array[] = [];
  try {
    for await (const piece of stream) taken.push(piece);
    return { bytes: Buffer.concat(taken), isWhole: true };
  } catch {
    return { bytes: Buffer.concat(taken), isWhole: false };
  }
}

const request = fc
  .record({
    bytes: fc.uint8Array({ maxLength: 5 * PART }),
    cuts: fc.array(fc.nat(), { maxLength: 8 }),
    from: fc.nat(),
    to: fc.nat(),
    changed: fc.nat(),
  })
  .map(({ bytes, from, to, ...rest }) => {
    const [start, end] = [from % (bytes.length + 1), to % (bytes.length + 1)].toSorted((a, b) => a - b);
    return { bytes, start: start ?? 0, end: end ?? 0, ...rest };
  });

test("any stretch of any bytes in any pieces comes out as it is", async () => {
  await fc.assert(
    fc.asyncProperty(request, async ({ bytes, cuts, start, end }) => {
      const stream = checkedBytes(each(cutAt(bytes, cuts)), each(partsOf(bytes)), {
        skip: start,
        length: end - start,
        onDifference: () => expect.unreachable(),
      });

      const { bytes: visible, isWhole } = await read(stream);

      expect(isWhole).toBe(true);
      expect([...visible]).toEqual([...bytes.subarray(start, end)]);
    }),
  );
});

test("with any byte changed it fails before its last one has gone", async () => {
  await fc.assert(
    fc.asyncProperty(request, async ({ bytes, cuts, start, end, changed }) => {
      fc.pre(end > start);
      const other = Uint8Array.from(bytes);
      const at = changed % bytes.length;
      other[at] = (other[at] ?? 0) ^ 1;
      let differences = 0;
      const stream = checkedBytes(each(cutAt(other, cuts)), each(partsOf(bytes)), {
        skip: start,
        length: end - start,
        onDifference: () => {
          differences += 1;
          return Promise.resolve();
        },
      });

      const { bytes: visible, isWhole } = await read(stream);

      expect([isWhole, differences, visible.length < end - start]).toEqual([false, 1, true]);
    }),
  );
});

test.each([
  ["fewer bytes than the parts have", 1, 0],
  ["more bytes than the parts have", 0, 1],
])("%s are others", async (_what, fewer, more) => {
  const bytes = new Uint8Array(2 * PART);
  const body = Buffer.concat([bytes.subarray(fewer), Buffer.alloc(more)]);
  const stream = checkedBytes(each([body]), each(partsOf(bytes)), {
    skip: 0,
    length: 2 * PART,
    onDifference: () => Promise.resolve(),
  });

  expect((await read(stream)).isWhole).toBe(false);
});
