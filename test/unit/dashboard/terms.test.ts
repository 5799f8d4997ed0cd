/** The words by which the API names kinds of things: each that it may name has one in Chinese. */
import { readFileSync } from "node:fs";
import {
  PROBLEM_STATUS,
  PROBLEM_TITLES,
} from "@remotegpu/control-plane/server/http/problems/problem-statuses";
import { CHINESE_TERMS } from "@remotegpu/control-plane/server/core/reasons/chinese/terms";
import { AUDIT_TARGET_KINDS } from "@remotegpu/control-plane/server/store/audit/audit-targets";
import type { AlarmKind } from "@remotegpu/control-plane/server/store/events/alarms";
import { REFUSALS } from "@remotegpu/dashboard/components/text/refusals";
import chinese from "@remotegpu/dashboard/locales/zh/parts";
import { chineseTerm, type TermKind } from "@remotegpu/dashboard/locales/terms";
import {
  ENVIRONMENT_STATUSES,
  INFERENCE_SERVICE_STATUSES,
  INSTANCE_STATES,
  TRAINING_JOB_STATUSES,
} from "@remotegpu/shared/values/workload";
import { expect, test } from "vitest";

function withoutTerm(kind: TermKind, words: readonly string[]): string[] {
  return words.filter((word) => chineseTerm(kind, word) === null);
}

test("each kind of alarm has a term", () => {
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
    "agent-unsupported": true,
    "drill-due": true,
    "fleet-upgrade-halted": true,
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

  expect(withoutTerm("alarm", Object.keys(kinds))).toEqual([]);
});

test("each action and resource of the audit log has a term", () => {
  const file = readFileSync("control-plane/server/http/audited-routes.ts", "utf8");
  const audited = [...file.matchAll(/\bto\(\s*"([a-z-]+)\.([a-z-]+)"/g)];

  const resources = audited.map(([, resource = ""]) => resource);
  const actions = audited.map(([, , action = ""]) => action);

  expect(audited.length).toBeGreaterThan(80);
  expect(withoutTerm("resource", [...AUDIT_TARGET_KINDS, ...resources])).toEqual([]);
  expect(withoutTerm("action", actions)).toEqual([]);
});

test("a term is found by the whole word alone", () => {
  expect(chineseTerm("event", "run-ended")).toBe("运行结束");
  expect(
    ["run", "run-ended ", "Run-ended", "", "toString", "{host}"].map((word) => chineseTerm("event", word)),
  ).toEqual(Array.from({ length: 6 }, () => null));
  expect(chineseTerm("alarm", "run-ended")).toBeNull();
});

test("each word of a term is in Chinese", () => {
  const words = Object.values(CHINESE_TERMS).flatMap((terms) => Object.values<string>(terms));

  expect(words.length).toBeGreaterThan(150);
  expect(words.filter((word) => !/\p{Script=Han}/u.test(word))).toEqual(["GPU", "Webhook"]);
});

test("each status of a workload and state of an instance has a word", () => {
  const statuses = [
    ...ENVIRONMENT_STATUSES,
    ...TRAINING_JOB_STATUSES,
    ...INFERENCE_SERVICE_STATUSES,
    ...INSTANCE_STATES,
  ];

  expect(statuses.filter((status) => !Object.hasOwn(chinese.status, status))).toEqual([]);
});

test("each status of a refusal has a word for its kind", () => {
  const statuses = [...Object.values(PROBLEM_STATUS), ...Object.keys(PROBLEM_TITLES).map(Number)];

  expect(statuses.filter((status) => !(status in REFUSALS))).toEqual([]);
});
