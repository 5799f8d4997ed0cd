/** What the server says in sentences, in Chinese: which it may say is read out of what says it. */
import { textOf as hostText } from "@remotegpu/shared/reasons/host-reports/statement";
import { readFileSync } from "node:fs";
import { XID_CATALOGUE } from "@remotegpu/agent/core/gpus/kernel-lines/xid-catalogue";
import { xidFinding } from "@remotegpu/agent/core/gpus/kernel-lines/xid-finding";
import { type StartDecision, mayStart } from "@remotegpu/control-plane/server/core/accounts/account-state";
import { afterRequest } from "@remotegpu/control-plane/server/core/environments/environment-status";
import { endReason, faultReason } from "@remotegpu/control-plane/server/core/hosts/card-fault";
import { overdueReason } from "@remotegpu/control-plane/server/core/instances/placement-wait";
import { ENGLISH, inEnglish } from "@remotegpu/control-plane/server/core/reasons/english/english";
import { REASON_CODES } from "@remotegpu/control-plane/server/core/reasons/reason";
import { THING_CODES } from "@remotegpu/control-plane/server/core/refusals/codes/thing";
import { reasonOf } from "@remotegpu/control-plane/server/core/reasons/plain-reason";
import { cataloguePairs } from "@remotegpu/control-plane/server/http/sentences/catalogue-pairs";
import { CHINESE } from "@remotegpu/control-plane/server/http/sentences/chinese";
import { CHINESE_WORDS } from "@remotegpu/control-plane/server/http/sentences/chinese-words";
import { AUDIT_TARGET_KINDS } from "@remotegpu/control-plane/server/store/audit/audit-targets";
import type { AlarmKind } from "@remotegpu/control-plane/server/store/events/alarms";
import {
  PROBLEM_STATUS,
  PROBLEM_TITLES,
} from "@remotegpu/control-plane/server/http/problems/problem-statuses";
import { translator } from "@remotegpu/dashboard/locales/translator";
import { REFUSALS } from "@remotegpu/dashboard/components/text/refusals";
import { PULL_PROBLEM_REASONS } from "@remotegpu/shared/instance/image-fetch";
import { wordingOf } from "@remotegpu/shared/reasons/wording";
import { ENVIRONMENT_STATUSES } from "@remotegpu/shared/values/workload";
import { describe, expect, test } from "vitest";
import { sampleReason } from "../../support/reasons/sample-reasons.ts";

const report = translator([...cataloguePairs(), ...CHINESE, ...CHINESE_WORDS]);

/** Stands for whatever a sentence has in it. */
const VALUE = "7";

/** What stays as the server said it, though it is no value. */
function left(sentence: string): string | null {
  const pieces = report(sentence);
  if (pieces === null) return sentence;
  const theirs = pieces.filter(({ text, isTheirs }) => isTheirs && !/^[17][.]?$/.test(text));
  return theirs.length === 0 ? null : theirs.map(({ text }) => text).join(" | ");
}

/** What is not told, of sentences that may be said. */
function untold(sentences: readonly (string | null)[]): string[] {
  const some = sentences.filter((one) => one !== null);
  if (some.length === 0) throw new Error("nothing is said");
  return some.map(left).filter((one) => one !== null);
}

const textOf = (sentence: string) =>
  report(sentence)
    ?.map(({ text, isTheirs }) => (isTheirs ? `<${text}>` : text))
    .join("");

describe("a sentence", () => {
  test.each([
    ["Host gpu-1 is stopping the container.", "主机 gpu-1 正在停止容器。"],
    ["Waiting for a place.", "等待资源。"],
    ["Rank 2: The command ended with exit code 3.", "进程 2：命令以退出码 3 结束。"],
    [
      "Waiting for a place. a: 2 GPU asked, 1 free, it is cordoned; b: 512 MiB of memory asked, 3 MiB free; and 4 more hosts.",
      "等待资源。a：需要 2 张 GPU，空闲 1 张、已停止接收新任务；b：需要内存 512 MiB，空闲 3 MiB；另有 4 台主机。",
    ],
    ["The environment is already running.", "环境已处于“运行中”状态。"],
    ["Waiting for a place. It is new to us.", "等待资源。<It is new to us.>"],
    ["Rank 2: it is new to us", "进程 2：<it is new to us>"],
  ])("%j is told as %j", (sentence, translation) => {
    expect(textOf(sentence)).toBe(translation);
  });

  test.each(["", "Nobody knows this.", "等待", "{host}", "(", "a".repeat(10_000)])(
    "that is not known stays: %j",
    (sentence) => {
      expect(report(sentence)).toBeNull();
    },
  );

  test("of many parts is told in little time", () => {
    const hosts = Array.from({ length: 200 }, (_, nth) => `h-${nth}: it is strange, and so on`).join("; ");

    expect(textOf(`Waiting for a place. ${hosts}.`)).toContain("h-199");
  });
});

describe("what it may say", () => {
  test("of an environment's life", () => {
    const requests = (["start", "stop", "restart", "delete"] as const).flatMap((request) =>
      ENVIRONMENT_STATUSES.map((status) => afterRequest(status, request)),
    );
    expect(
      untold(requests.map((verdict) => (verdict.legal ? null : inEnglish(reasonOf(verdict.why))))),
    ).toEqual([]);
    expect(
      untold((["start", "stop", "removal"] as const).map((wait) => inEnglish(overdueReason(wait, VALUE)))),
    ).toEqual([]);
  });

  test.each(Object.entries(REASON_CODES))("of the reason %s", (code, shape) => {
    const texts = [1, 7].map((value) => {
      const { params } = sampleReason(code, shape, () => value);
      const known = "gpu_uuid" in params ? { ...params, gpu_uuid: `GPU-${value}` } : params;
      return wordingOf({ code, params: known }, ENGLISH);
    });
    // With fewer words a text would fit what it does not mean, and names of things would fit everything.
    const some = texts.filter(
      (text) => (text.match(/[a-z]{2,}/gi)?.length ?? 0) > 1 && !Object.hasOwn(THING_CODES, code),
    );

    expect(some.map(left).filter((one) => one !== null)).toEqual([]);
  });

  test("of faults of cards", () => {
    const fault = { uuid: `GPU-${VALUE}`, code: null, reason: VALUE, isSign: false, isFatal: false };
    const faults = [fault, { ...fault, isSign: true }, { ...fault, isFatal: true }];

    expect(untold(faults.flatMap((one) => [faultReason(one), endReason(one)].map(inEnglish)))).toEqual([]);
  });

  test("of images", () => {
    expect(untold(Object.values(PULL_PROBLEM_REASONS).map(hostText))).toEqual([]);
  });

  test("of a program's errors on a GPU", () => {
    const faults = [...XID_CATALOGUE].filter(([, { effect }]) => effect === "program-fault");
    const output = faults.map(([code]) => xidFinding({ code, busKey: "", pid: null, detail: "" }).reason);

    expect(untold(output.map((sentence) => sentence.replace(/Xid \d+/, `Xid ${VALUE}`)))).toEqual([]);
  });

  test("of money", () => {
    const account = { balance: 1n, creditLimit: 0n, minStartMinutes: 60, hourlyOfAllRunningAndPlacing: 0n };
    const output: StartDecision[] = [
      mayStart({ ...account, status: "suspended" }),
      mayStart({ ...account, status: "normal", balance: 0n }),
      mayStart({ ...account, status: "normal", hourlyOfAllRunningAndPlacing: 1_000_000n }),
    ];

    expect(untold(output.map((one) => (one.allowed ? null : inEnglish(one.detail))))).toEqual([]);
  });

  test.each([
    "control-plane/server/core/environments/access-methods.ts",
    "control-plane/server/core/inference/service-words.ts",
    "control-plane/server/core/inference/rollout/versions.ts",
    "control-plane/server/store/orders/environment-orders.ts",
    "control-plane/server/store/orders/inference-orders.ts",
  ])("in each sentence of %s", (file) => {
    expect(untold(sentencesOf(readFileSync(file, "utf8")))).toEqual([]);
  });

  test("of an access process about guesses at a password", () => {
    const file = readFileSync("agent/src/access/leases/observed-leases.ts", "utf8");
    const sentences = sentencesOf(file);

    expect(sentences).toHaveLength(1);
    expect(untold([...sentences, `It runs on host ${VALUE}. ${sentences.join(" ")}`])).toEqual([]);
  });

  test("that would start an order when other work ends", () => {
    expect(
      untold(["It would start when 7 has ended.", "It would start when 7 has ended, by 7 at the latest."]),
    ).toEqual([]);
  });

  test("of each kind of alarm", () => {
    const kinds: Record<AlarmKind, true> = {
      "join-token-reused": true,
      "too-many-beginnings": true,
      "usage-quarantined": true,
      "gpu-conflict": true,
      "gpu-out-of-service": true,
      "gpu-stranger": true,
      "pool-unconfirmed": true,
      "pool-not-proved": true,
      "gpu-vanished": true,
      "gpus-closed-under-payer": true,
      "isolation-broken": true,
      "unknown-gpu-error": true,
      "unknown-instance": true,
      "impossible-numbers": true,
      "host-floods": true,
      "host-vulnerable": true,
      "too-many-cards": true,
      "placement-overdue": true,
      "run-not-ending": true,
      "runtime-disagrees": true,
      "unknown-lease": true,
      "lease-disbelieved": true,
      "access-disbelieved": true,
      "storage-disbelieved": true,
      "sealed-bytes-differ": true,
      "journal-stream": true,
      "charge-beyond-column": true,
      "charge-failed": true,
    };

    expect(untold(Object.keys(kinds))).toEqual([]);
  });

  test("of each act and thing of the audit log", () => {
    const file = readFileSync("control-plane/server/http/audited-routes.ts", "utf8");
    const actions = [...file.matchAll(/\bto\(\s*"([a-z-]+)\.([a-z-]+)"/g)];

    expect(actions.length).toBeGreaterThan(80);
    expect(
      untold([...AUDIT_TARGET_KINDS, ...actions.flatMap(([, resource = "", act = ""]) => [resource, act])]),
    ).toEqual([]);
  });

  test("has a word for every kind of refusal", () => {
    const statuses = [...Object.values(PROBLEM_STATUS), ...Object.keys(PROBLEM_TITLES).map(Number)];

    expect(statuses.filter((status) => !(status in REFUSALS))).toEqual([]);
  });
});

/** Whole ones: what is a part of one has no capital or no stop. */
function sentencesOf(source: string): string[] {
  const bare = source.replaceAll(/\/\*.*?\*\//gs, "").replaceAll(/^\s*\/\/.*$/gm, "");
  return [...bare.matchAll(/"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`/g)]
    .map(([, plain, template]) => plain ?? template ?? "")
    .filter((text) => /^(?:[A-Z]|\$\{)[^]* [^]*\.$/.test(text) && !/\$\{[^}]*[?"`]/.test(text))
    .filter((text) => /[a-z]{2,} [a-z]{2,}/.test(text))
    .map(filled);
}

function filled(template: string): string {
  return template.replaceAll(/\$\{[^}]*\}/g, VALUE).replaceAll("\\", "");
}
