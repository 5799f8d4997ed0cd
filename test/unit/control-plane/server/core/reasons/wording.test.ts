/** How a reason is worded: plural forms, reasons within reasons, and what came as a text. */
import { CHINESE } from "@remotegpu/control-plane/server/core/reasons/chinese/chinese";
import { ENGLISH, inEnglish } from "@remotegpu/control-plane/server/core/reasons/english/english";
import { asReported, type Reason } from "@remotegpu/control-plane/server/core/reasons/reason";
import { piecesOf, wordingOf } from "@remotegpu/shared/reasons/wording";
import { describe, expect, test } from "vitest";

const FEW_CORES: Reason = { code: "cpu-short", params: { requested_cores: 2, free_cores: 0.5 } };
const CORDONED: Reason = { code: "host-cordoned-with-note", params: { note: "new cables" } };

const ON_HOSTS: Reason = {
  code: "waiting-on-hosts",
  params: {
    hosts: {
      hosts: [
        { host_id: "h-1", host_name: "a", reasons: [FEW_CORES, CORDONED] },
        { host_id: "h-2", host_name: "b", reasons: [asReported("It is strange.")] },
      ],
      more: 4,
    },
  },
};

describe("a reason", () => {
  test.each<[string, Reason, string, string]>([
    ["without parameters", { code: "waiting-for-place", params: {} }, "Waiting for a place.", "等待资源。"],
    [
      "with a number that is one",
      { code: "cpu-short", params: { requested_cores: 1, free_cores: 0 } },
      "1 CPU core asked, 0 free",
      "需要 1 个 CPU 核，空闲 0 个",
    ],
    ["with a number that is none", FEW_CORES, "2 CPU cores asked, 0.5 free", "需要 2 个 CPU 核，空闲 0.5 个"],
    [
      "with several hosts",
      ON_HOSTS,
      "Waiting for a place. a: 2 CPU cores asked, 0.5 free, it is cordoned: new cables; b: It is strange; and 4 more hosts.",
      "等待资源。a：需要 2 个 CPU 核，空闲 0.5 个、已停止接收新任务：new cables；b：It is strange；另有 4 台主机。",
    ],
    [
      "with a sentence that goes on",
      { code: "waiting-for-price", params: { why: asReported("It costs more.") } },
      "Waiting for price: It costs more.",
      "等待价格：It costs more。",
    ],
    [
      "with a text that ends with a mark of its own",
      { code: "waiting-for-price", params: { why: asReported("Who knows?") } },
      "Waiting for price: Who knows?",
      "等待价格：Who knows?",
    ],
    [
      "that another one says why",
      {
        code: "host-not-serving-files",
        params: { host_name: "gpu-1", why: { code: "host-answer-not-begun", params: { seconds: 120 } } },
      },
      "Host gpu-1 does not serve files now: It did not begin to answer within 120 s.",
      "主机 gpu-1 暂不提供文件：它未在 120 秒内开始响应。",
    ],
    [
      "of several sentences",
      {
        code: "several",
        params: { reasons: [{ code: "waiting-for-place", params: {} }, asReported("so it is")] },
      },
      "Waiting for a place. so it is.",
      "等待资源。so it is。",
    ],
    [
      "with more names than are named",
      {
        code: "hosts-not-reaching-each-other",
        params: { hosts: { names: ["a and b", "c and d"], more: 2 } },
      },
      "Not tried together for a while, since ranks there did not reach each other: a and b, c and d, and 2 more.",
      "暂时不一起尝试这些主机，因为其上的进程互相无法连通：a and b、c and d，另有 2 个。",
    ],
    ["that came as a text", asReported("Whatever {it} says."), "Whatever {it} says.", "Whatever {it} says."],
  ])("%s is worded in both languages", (_what, reason, english, chinese) => {
    expect([inEnglish(reason), wordingOf(reason, CHINESE)]).toEqual([english, chinese]);
  });

  test("marks what came as a text, also within another reason", () => {
    const reason: Reason = { code: "waiting-for-price", params: { why: asReported("It costs more.") } };

    expect(piecesOf(reason, CHINESE).filter(({ isReported }) => isReported)).toEqual([
      { text: "It costs more", isReported: true },
    ]);
    expect(piecesOf(ON_HOSTS, ENGLISH).filter(({ isReported }) => isReported)).toHaveLength(1);
  });
});
