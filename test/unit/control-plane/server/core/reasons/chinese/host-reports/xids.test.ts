/** What Xids mean, in Chinese. */
import { inChinese } from "@remotegpu/control-plane/server/core/reasons/chinese/in-chinese";
import { XID_MEANING_CODES } from "@remotegpu/shared/reasons/host-reports/codes/xids";
import { expect, test } from "vitest";

const chinese = (xid: number, meaning: string) =>
  inChinese({ code: "xid", params: { xid, meaning: { code: meaning, params: {} } } })
    ?.map(({ text }) => text)
    .join("");

test.each([
  [79, "xid-gpu-off-bus", "Xid 79：GPU 已从总线上脱离。"],
  [94, "xid-memory-error-contained", "Xid 94：仅影响一个程序的无法纠正的显存错误。"],
])("the meaning of Xid %i is in Chinese", (xid, meaning, expected) => {
  expect(chinese(xid, meaning)).toBe(expected);
});

test("no meaning of an Xid has English sentences in its Chinese", () => {
  const texts = Object.keys(XID_MEANING_CODES).map((meaning) => chinese(1, meaning) ?? "");

  expect(texts.filter((text) => !/\p{Script=Han}/u.test(text) || /[a-z]+ [a-z]+/.test(text))).toEqual([]);
  expect(new Set(texts).size).toBe(texts.length);
});

test("the text of an agent that reports the meaning in words is no code", () => {
  expect(inChinese({ code: "xid", params: { xid: 79, meaning: "the GPU fell off the bus" } })).toBeNull();
});
