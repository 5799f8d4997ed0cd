/** The table of a control plane's loops: nothing is asked of a database here, since no pass begins. */
import { globSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { Leadership } from "@remotegpu/control-plane/server/controllers/leadership";
import type { Loop } from "@remotegpu/control-plane/server/controllers/loop";
import type { Seals } from "@remotegpu/control-plane/server/store/secrets/sealed-tables";
import { noAttempts } from "@remotegpu/control-plane/server/http/request/attempts";
import { loops, WOKEN_BY_DELIVERY, WOKEN_BY_REPORTS } from "@remotegpu/control-plane/server/loops";
import type { Database } from "@remotegpu/control-plane/server/store/database/database";
import { beforeAll, expect, test } from "vitest";
import { quietLog } from "../../../support/quiet-log.ts";

const CONTROLLERS = new URL("../../../../control-plane/server/controllers/", import.meta.url).pathname;
const NOW = new Date("2026-03-10T00:00:00Z");

/** None that answers: what is asked fails, as the database of a test that asks nothing may. */
const unasked = {} as Database;
let table: Loop[];
let passes: { term: number; now: Date }[];

beforeAll(() => {
  passes = [];
  table = loops({
    db: unasked,
    now: () => NOW,
    newId: (prefix) => `${prefix}-1`,
    log: quietLog,
    calendar: { utcOffsetMinutes: 0, closeDelayHours: 24 },
    link: {
      nudge: () => undefined,
      exec: () => Promise.resolve(null),
      isConnected: true,
      stream: { kind: "away", cause: "nats", detail: "there is none" },
    },
    leadership: new Leadership(unasked, { holder: "nobody", former: null }),
    deliveries: {
      pass: async (pass) => {
        passes.push(pass);
        await Promise.resolve();
      },
    },
    attempts: noAttempts(),
    history: { pass: () => Promise.resolve() },
    seals: {} as Seals,
    keyReports: { pass: () => Promise.resolve() },
    files: null,
    pause: () => Promise.resolve(),
    counters: { placed: () => undefined },
  });
});

test("each loop has a name of its own and a poll", () => {
  const names = table.map(({ name }) => name);

  expect(names).toEqual([...new Set(names)]);
  expect(table.filter(({ everyMs }) => !(everyMs >= 1_000 && everyMs <= 300_000))).toEqual([]);
});

test("whatever is woken is a loop of the table", () => {
  const names = new Set(table.map(({ name }) => name));
  const woken = [...WOKEN_BY_REPORTS, ...WOKEN_BY_DELIVERY, ...table.flatMap(({ wakes = [] }) => wakes)];

  expect(woken.filter((name) => !names.has(name))).toEqual([]);
});

test("every file of the controllers that has passes is in it under its name", () => {
  const files = globSync("**/*.ts", { cwd: CONTROLLERS });
  const withPasses = files.filter((file) =>
    /^export async function (\w+Pass|chargeDueHours)\b|^ {2}async (pass|renew)\(/m.test(
      readFileSync(CONTROLLERS + file, "utf8"),
    ),
  );

  const names = withPasses.map((file) => basename(file, ".ts"));
  expect(table.map(({ name }) => name).toSorted()).toEqual([...names, "counted-attempts"].toSorted());
});

test("all but the leadership itself and what a server counts are the leader's, and woken when it begins", () => {
  const led = table.filter(({ isLed }) => isLed === true).map(({ name }) => name);
  const others = table.filter(({ isLed }) => isLed !== true).map(({ name }) => name);

  expect(others).toEqual([
    "counted-attempts",
    "gpu-history",
    "sealing-key-reports",
    "pool-proofs",
    "leadership",
  ]);
  expect(table.find(({ name }) => name === "leadership")?.wakes).toEqual(led);
});

test("a pass of the leader's loops is empty in a server that does not lead", async () => {
  for (const { pass } of table.filter(({ isLed }) => isLed === true)) expect(await pass()).toBe(false);

  expect(passes).toEqual([]);
});
