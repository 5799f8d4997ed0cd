import { describe, expect, test } from "vitest";
import {
  isTabName,
  readFromPage,
} from "@remotegpu/control-plane/server/core/gateway/terminal/terminal-protocol";

describe("a page may send", () => {
  test.each([
    { kind: "open", tab: null, columns: 80, rows: 24 },
    { kind: "open", tab: "abc123", columns: 1, rows: 1_000 },
    { kind: "resize", columns: 1_000, rows: 1 },
    { kind: "ack", bytes: 0 },
  ])("%j", (message) => {
    expect(readFromPage(JSON.stringify(message))).toEqual(message);
  });
});

describe("a page may not send", () => {
  test.each([
    "",
    "{",
    "null",
    "[]",
    '"ack"',
    '{"kind":"else"}',
    '{"kind":"ack"}',
    '{"kind":"ack","bytes":-1}',
    '{"kind":"ack","bytes":1.5}',
    '{"kind":"ack","bytes":1e300}',
    '{"kind":"resize","columns":80}',
    '{"kind":"resize","columns":0,"rows":24}',
    '{"kind":"resize","columns":1001,"rows":24}',
    '{"kind":"resize","columns":"80","rows":24}',
    '{"kind":"open","columns":80,"rows":24}',
    '{"kind":"open","tab":7,"columns":80,"rows":24}',
    '{"kind":"open","tab":"a;reboot","columns":80,"rows":24}',
  ])("%s", (text) => {
    expect(readFromPage(text)).toBeNull();
  });

  test("what it adds to a message, which is left out", () => {
    expect(readFromPage('{"kind":"ack","bytes":1,"more":2}')).toEqual({ kind: "ack", bytes: 1 });
  });
});

test.each([
  ["abcdef", true],
  ["a".repeat(24), true],
  ["abcde", false],
  ["a".repeat(25), false],
  ["ABCDEF", false],
  ["abc def", false],
  ["abc-def", false],
  [null, false],
])("%j names a terminal: %s", (name, isOne) => {
  expect(isTabName(name)).toBe(isOne);
});
