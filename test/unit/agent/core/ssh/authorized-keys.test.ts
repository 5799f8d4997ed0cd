/** Public keys of customers as lines of sshd's file: nothing of theirs but the key itself gets into it. */
import { generateKeyPairSync } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { authorizedKeys } from "@remotegpu/agent/core/ssh/authorized-keys";

const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKVeNp4T0Pw8IqHfBbXvyFZqu2mzX9VvmrCvn5dS5V0p";
const BODY = KEY.split(" ")[1] ?? "";
const LINE = `environment="REMOTEGPU_KEY=key-1" ${KEY}\n`;

/** A body that begins as sshd's do. */
function bodyOf(type: string, rest: Buffer): string {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(type.length);
  return Buffer.concat([length, Buffer.from(type), rest]).toString("base64");
}

const one = (line: string, id = "key-1") => authorizedKeys([{ id, line }]);

test("a key is a line that names it, without its comment", () => {
  expect(one(`${KEY} joe@laptop`)).toEqual({ text: LINE, refused: [] });
  expect(one(`  ${KEY}\t\r\n`)).toEqual({ text: LINE, refused: [] });
});

test.each([
  ["2026-11-27T18:05:28.999Z", "20261127180528Z"],
  ["2026-01-01T00:00:00Z", "20260101000000Z"],
])("one that opens until %s states so to the second, never later", (expiresAt, reported) => {
  expect(authorizedKeys([{ id: "key-1", line: KEY, expiresAt }]).text).toBe(
    `environment="REMOTEGPU_KEY=key-1",expiry-time="${reported}" ${KEY}\n`,
  );
});

test("one whose time is none opens nothing", () => {
  expect(authorizedKeys([{ id: "key-1", line: KEY, expiresAt: '1",command="sh' }])).toEqual({
    text: "",
    refused: [{ id: "key-1", because: "its time is none" }],
  });
});

test("nobody's keys are an empty file", () => {
  expect(authorizedKeys([])).toEqual({ text: "", refused: [] });
});

test.each([
  ["another line", `${KEY} joe\n${KEY.replace("ssh-ed25519", "ssh-rsa")}`],
  ["an option behind it", `${KEY} x",command="touch /x" ssh-ed25519 ${BODY}`],
  ["a line of its own with options", `${KEY} joe\ncommand="sh",environment="REMOTEGPU_KEY=key-2" ${KEY}`],
  ["a carriage return", `${KEY} joe\rcert-authority ${KEY}`],
  ["a NUL and a hash", `${KEY} \0# ${KEY}`],
  ["an endless comment", `${KEY} ${"x".repeat(200_000)}`],
])("a comment with %s changes nothing of the line", (_what, line) => {
  expect(one(line)).toEqual({ text: LINE, refused: [] });
});

test.each([
  ["options in front", `command="sh" ${KEY}`, /type of key/],
  ["an authority in front", `cert-authority ${KEY}`, /type of key/],
  ["a certificate", `ssh-ed25519-cert-v01@openssh.com ${BODY}`, /type of key/],
  ["DSA", `ssh-dss ${bodyOf("ssh-dss", Buffer.alloc(64))}`, /type of key/],
  ["no body", "ssh-ed25519", /base64/],
  ["a body that is none", "ssh-ed25519 !!!!", /base64/],
  ["a body with a quote", `ssh-ed25519 ${BODY.slice(0, -4)}",x=`, /base64/],
  ["a body that is cut off", `ssh-ed25519 ${BODY.slice(0, -1)}`, /base64/],
  ["another type within", `ssh-rsa ${BODY}`, /another type/],
  ["hardly a body", "ssh-ed25519 AAAA", /another type/],
  ["nothing", "", /type of key/],
  ["a line break in the middle", `ssh-ed25519\n${BODY}`, /type of key/],
])("%s is refused, and no line is made of it", (_what, line, because) => {
  const { text, refused } = one(line);

  expect(text).toBe("");
  expect(refused).toEqual([{ id: "key-1", because: expect.stringMatching(because) }]);
});

test("a body is as long as the longest key that sshd takes, and no longer", () => {
  const longest = bodyOf("ssh-rsa", Buffer.alloc(3_061));
  const longer = bodyOf("ssh-rsa", Buffer.alloc(3_062));
  expect([longest.length, longer.length]).toEqual([4_096, 4_100]);

  expect(one(`ssh-rsa ${longest}`).refused).toEqual([]);
  expect(one(`ssh-rsa ${longer}`).refused).toEqual([
    { id: "key-1", because: "its body has 4100 characters, more than 4096" },
  ]);
});

test.each(["", 'a"b', "a b", "a\nb", "ä", "x".repeat(65)])("a key named %j is refused", (id) => {
  expect(one(KEY, id)).toEqual({ text: "", refused: [{ id, because: expect.stringContaining("name") }] });
});

test("whatever a customer wrote, each line is a key of one of ours and nothing else", () => {
  const shape = /^(environment="REMOTEGPU_KEY=[\w-]{1,64}" [a-z0-9@.-]+ [A-Za-z0-9+/]+={0,2}\n)*$/;
  const piece = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom(KEY, BODY, "ssh-ed25519", " ", "\n", '"', 'command="x"', "\t", "#"),
  );

  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), fc.string(), (pieces, id) => {
      const { text, refused } = one(pieces.join(""), id);
      expect(text).toMatch(shape);
      expect(text === "").toBe(refused.length === 1);
    }),
  );
});

describe("ten thousand keys", () => {
  const keys = Array.from({ length: 10_000 }, (_, index) => ({
    id: `key-${index}`,
    line: `ssh-ed25519 ${bodyOf("ssh-ed25519", Buffer.alloc(36, index))} ${index}`,
  }));

  test("are ten thousand lines in their order, at once", () => {
    const lines = authorizedKeys(keys).text.split("\n");

    expect(lines).toHaveLength(10_001);
    expect(lines[9_999]).toContain("REMOTEGPU_KEY=key-9999");
  });

  test("lose only the one that is none", () => {
    const { text, refused } = authorizedKeys([...keys, { id: "bad", line: "rubbish" }]);

    expect(text.split("\n")).toHaveLength(10_001);
    expect(refused.map(({ id }) => id)).toEqual(["bad"]);
  });
});

test("keys as they are made today are taken", () => {
  const { publicKey } = generateKeyPairSync("ed25519");
  const raw = Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url");
  const length = Buffer.from([0, 0, 0, 32]);

  expect(one(`ssh-ed25519 ${bodyOf("ssh-ed25519", Buffer.concat([length, raw]))}`).refused).toEqual([]);
});
