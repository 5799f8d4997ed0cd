import { expect, test } from "vitest";
import { StreamReader } from "@remotegpu/control-plane/server/http/stream/reader";
import { NOTHING } from "@remotegpu/control-plane/server/core/stream/updates";

const PLACE = { life: "a", number: 1 };
const SIGHT = {
  isAdmin: true,
  customerId: 1,
  scopes: new Set(["read"] as const),
  workspaceIds: new Set<number>(),
  payerIds: new Set<number>(),
};

function aReader() {
  const seen = { cut: 0, left: 0 };
  const reader = new StreamReader(
    {
      apiKeyId: 1,
      sessionId: null,
      topics: new Map([["gpu", { kind: "plain", name: "gpu" }]]),
      sight: SIGHT,
      lastEventId: null,
      cut: () => void (seen.cut += 1),
    },
    () => void (seen.left += 1),
  );
  return { reader, seen };
}

const cards = (count: number, utilizationPercent: number) => ({
  ...NOTHING,
  cards: Array.from({ length: count }, (_, n) => ({
    uuid: `GPU-${n}`,
    hostId: "h",
    utilizationPercent,
    memoryUsedMib: 1,
    temperatureC: 1,
    powerW: null,
    sampledMs: 0,
    state: "",
    holders: new Map(),
  })),
});

async function wholeOf(reader: StreamReader): Promise<Uint8Array[]> {
  const pieces: Uint8Array[] = [];
  for await (const piece of reader.body) pieces.push(piece);
  return pieces;
}

test("one who never reads is given no more than the buffer and one word, and is let go after a while", async () => {
  const { reader, seen } = aReader();
  const keepsUp: boolean[] = [];
  for (let second = 0; second < 40; second += 1) {
    reader.add(cards(2_000, second));
    keepsUp.push(reader.flush(PLACE, second * 1_000));
  }

  expect(keepsUp.indexOf(false)).toBe(21);
  reader.drop();
  expect(seen.cut).toBe(1);
  expect(await wholeOf(reader)).toHaveLength(2);
});

test("one who reads late has the last of everything, once", async () => {
  const { reader } = aReader();
  for (let second = 0; second < 10; second += 1) {
    reader.add(cards(2_000, second));
    reader.flush(PLACE, second * 1_000);
  }
  const reading = reader.body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  // The buffer is empty, so what gathered comes with the next flush.
  for (let reads = 0; reads < 2; reads += 1) text += decoder.decode((await reading.read()).value);
  reader.flush(PLACE, 10_000);
  text += decoder.decode((await reading.read()).value);
  reader.end();

  expect((await reading.read()).done).toBe(true);
  // What it was told at first, and the last of all: each in words of a thousand cards.
  expect(text.match(/event: gpu/g)).toHaveLength(4);
  expect([text.includes('["GPU-0",0,'), text.includes('["GPU-0",9,'), text.includes('["GPU-0",5,')]).toEqual([
    true,
    true,
    false,
  ]);
});

test("a quiet one hears every fifteen seconds that it goes on", async () => {
  const { reader } = aReader();
  const reading = reader.body.getReader();
  await reading.read();
  for (let second = 1; second <= 31; second += 1) reader.flush(PLACE, second * 1_000);
  reader.end();

  let comments = 0;
  for (;;) {
    const { done, value } = await reading.read();
    if (done) break;
    comments += new TextDecoder().decode(value).match(/^:/gm)?.length ?? 0;
  }
  expect(comments).toBe(2);
});

test("one who leaves is known to have left", async () => {
  const { reader, seen } = aReader();

  await reader.body.cancel();

  expect(seen).toEqual({ cut: 0, left: 1 });
  reader.add(cards(1, 1));
  reader.end();
});
