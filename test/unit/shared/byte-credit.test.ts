import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  afterGrant,
  afterSending,
  afterTaking,
  dueGrant,
  openReceiveWindow,
  openSendWindow,
  receive,
  sendableBytes,
  type ReceiveWindow,
} from "@remotegpu/shared/byte-credit";

test.each([
  ["all that waits", { sentBytes: 0, grantedBytes: 100 }, { waitingBytes: 40, maxChunkBytes: 64 }, 40],
  ["one chunk", { sentBytes: 0, grantedBytes: 100 }, { waitingBytes: 90, maxChunkBytes: 64 }, 64],
  ["what is left", { sentBytes: 70, grantedBytes: 100 }, { waitingBytes: 90, maxChunkBytes: 64 }, 30],
  ["nothing at the limit", { sentBytes: 100, grantedBytes: 100 }, { waitingBytes: 9, maxChunkBytes: 64 }, 0],
  ["nothing to send", { sentBytes: 0, grantedBytes: 100 }, { waitingBytes: 0, maxChunkBytes: 64 }, 0],
])("a sender may send %s", (_, window, waiting, expected) => {
  expect(sendableBytes(window, waiting)).toBe(expected);
});

test("sending one byte beyond the credit is a mistake of ours", () => {
  const window = afterSending(openSendWindow(100), 100);

  expect(() => afterSending(window, 1)).toThrow("101 bytes sent, 100 granted");
});

test.each([
  ["a further one", 150, 150],
  ["the same one again", 100, 100],
  ["one that comes late", 50, 100],
])("a grant: %s", (_, upToByte, granted) => {
  expect(afterGrant(openSendWindow(100), upToByte).grantedBytes).toBe(granted);
});

const half: ReceiveWindow = { receivedBytes: 50, takenBytes: 50, grantedBytes: 100, windowBytes: 100 };

test.each([
  ["goes on", { offset: 50, bytes: 50 }, { outcome: "next", window: { ...half, receivedBytes: 100 } }],
  ["is the last one again", { offset: 20, bytes: 30 }, { outcome: "repeated" }],
  ["leaves a gap", { offset: 51, bytes: 10 }, { outcome: "lost" }],
  ["overlaps", { offset: 49, bytes: 10 }, { outcome: "lost" }],
  ["goes one byte too far", { offset: 50, bytes: 51 }, { outcome: "beyond-credit" }],
])("a chunk that %s", (_, chunk, expected) => {
  expect(receive(half, chunk)).toEqual(expected);
});

test.each([
  [49, null],
  [50, 150],
  [80, 180],
])("with %i of 100 bytes taken the grant is %j", (taken, upToByte) => {
  const window = { ...openReceiveWindow(100), receivedBytes: 80 };

  expect(dueGrant(afterTaking(window, taken))?.upToByte ?? null).toBe(upToByte);
});

test("a grant that was sent is not due again", () => {
  const granted = dueGrant(half);

  expect(granted?.upToByte).toBe(150);
  expect(granted && dueGrant(granted.window)).toBeNull();
});

test("taking what never came is a mistake of ours", () => {
  expect(() => afterTaking(openReceiveWindow(100), 1)).toThrow("1 bytes taken, 0 received");
});

const steps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant("send" as const), waitingBytes: fc.nat(200) }),
    fc.record({ kind: fc.constant("deliver" as const) }),
    fc.record({ kind: fc.constant("take" as const), wantedBytes: fc.nat(200) }),
    fc.record({ kind: fc.constant("repeat a grant" as const), nth: fc.nat(20) }),
  ),
  { maxLength: 200 },
);

test("whatever the order of events, no sender goes beyond its credit and no reader holds more than its window", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 300 }), steps, (creditBytes, events) => {
      let sender = openSendWindow(creditBytes);
      let reader = openReceiveWindow(creditBytes);
      const pending: { offset: number; bytes: number }[] = [];
      const grants = [creditBytes];
      let arrivedBytes = 0;

      for (const event of events) {
        switch (event.kind) {
          case "send": {
            const bytes = sendableBytes(sender, { waitingBytes: event.waitingBytes, maxChunkBytes: 64 });
            if (bytes > 0) pending.push({ offset: sender.sentBytes, bytes });
            sender = afterSending(sender, bytes);
            break;
          }
          case "deliver": {
            const chunk = pending.shift();
            const received = chunk && receive(reader, chunk);
            reader = received?.outcome === "next" ? received.window : reader;
            arrivedBytes += chunk?.bytes ?? 0;
            break;
          }
          case "take": {
            const waiting = reader.receivedBytes - reader.takenBytes;
            reader = afterTaking(reader, Math.min(event.wantedBytes, waiting));
            const grant = dueGrant(reader);
            if (grant === null) break;
            reader = grant.window;
            grants.push(grant.upToByte);
            sender = afterGrant(sender, grant.upToByte);
            break;
          }
          case "repeat a grant":
            sender = afterGrant(sender, grants[event.nth % grants.length] ?? 0);
            break;
        }
        expect(sender.sentBytes).toBeLessThanOrEqual(sender.grantedBytes);
        expect(sender.grantedBytes).toBe(reader.grantedBytes);
        expect(reader.receivedBytes).toBe(arrivedBytes);
        expect(sender.sentBytes - reader.takenBytes).toBeLessThanOrEqual(creditBytes);
      }
    }),
  );
});

test("a reader that takes everything never leaves a sender without credit for good", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 300 }), fc.nat(5_000), (creditBytes, totalBytes) => {
      let sender = openSendWindow(creditBytes);
      let reader = openReceiveWindow(creditBytes);

      for (let rounds = 0; rounds <= totalBytes && sender.sentBytes < totalBytes; rounds += 1) {
        const waitingBytes = totalBytes - sender.sentBytes;
        const bytes = sendableBytes(sender, { waitingBytes, maxChunkBytes: 64 });
        const received = receive(reader, { offset: sender.sentBytes, bytes });
        sender = afterSending(sender, bytes);
        if (received.outcome === "next") reader = afterTaking(received.window, bytes);
        const grant = dueGrant(reader);
        if (grant !== null) reader = grant.window;
        if (grant !== null) sender = afterGrant(sender, grant.upToByte);
      }

      expect(sender.sentBytes).toBe(totalBytes);
    }),
  );
});
