/** The payment log: on disk before the answer, read only as it was written, and booked where a ledger lacks it. */
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createCustomerAdjustment, createCustomerTopUp } from "@remotegpu/control-plane/client/generated/api";
import { loggedPayments, PaymentLog } from "@remotegpu/control-plane/server/backup/payment-log";
import { checkPaymentLog } from "@remotegpu/control-plane/server/backup/payment-log-check";
import {
  type LoggedPayment,
  replayPayments,
} from "@remotegpu/control-plane/server/store/billing/ledger/logged-payments";
import { type ApiWorld, openApi } from "../../support/http/api.ts";
import { databaseOfFile } from "../../support/engines/postgres.ts";

const AT = "2026-03-10T02:00:00.000Z";

let folder: string;
let logs: PaymentLog[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "remotegpu-payments-"));
  logs = [];
});
afterEach(async () => {
  for (const log of logs) await log.close();
  rmSync(folder, { recursive: true, force: true });
});

function openLog(): PaymentLog {
  const log = new PaymentLog(join(folder, "payments"));
  logs.push(log);
  return log;
}

function payment(id: string, change: Partial<LoggedPayment> = {}): LoggedPayment {
  const money = { kind: "topup", customerId: 1, amount: "5.0000", runId: null } as const;
  return { ...money, id, at: AT, reason: null, actor: "admin 1", ...change };
}

const read = async () => await loggedPayments([join(folder, "payments")]);
const fileOf = () => join(folder, "payments", readdirSync(join(folder, "payments"))[0] ?? "");

describe("a log", () => {
  test("has what several servers recorded at once, in the order of its times", async () => {
    const [one, other] = [openLog(), openLog()];
    const third = payment("third", { at: "2026-03-10T02:00:02.000Z" });
    const second = payment("second", { at: "2026-03-10T02:00:01.000Z" });

    await Promise.all([one.record(third), other.record(second), one.record(payment("first"))]);

    expect(await read()).toEqual([payment("first"), second, third]);
    expect(readdirSync(join(folder, "payments"))).toHaveLength(2);
  });

  test("is read without a last line that was cut off", async () => {
    await openLog().record(payment("whole"));
    appendFileSync(fileOf(), '{"payment":{"kind":"topup"');

    expect(await read()).toEqual([payment("whole")]);
  });

  test.each([
    ["an amount that was edited", (text: string) => text.replace("5.0000", "9.0000")],
    ["a line that was taken out", (text: string) => text.slice(text.indexOf("\n") + 1)],
  ])("is refused with %s", async (_what, edit) => {
    const log = openLog();
    await log.record(payment("first"));
    await log.record(payment("second"));
    writeFileSync(fileOf(), edit(readFileSync(fileOf(), "utf8")));

    await expect(read()).rejects.toThrow(/jsonl:1 is not what was written there/);
  });

  test("that the disk refuses says so, and has that payment as soon as it takes the next one", async () => {
    writeFileSync(join(folder, "payments"), "a file is in the way");
    const log = openLog();
    await expect(log.record(payment("first"))).rejects.toThrow(/EEXIST|ENOTDIR/);
    rmSync(join(folder, "payments"));

    await log.record(payment("second"));

    expect((await read()).map(({ id }) => id)).toEqual(["first", "second"]);
  });
});

describe("payments of the API", () => {
  const emptyDatabase = databaseOfFile();
  let api: ApiWorld;
  beforeEach(async () => {
    api = await openApi({}, await emptyDatabase());
    const log = openLog();
    api.deps.recordPayment = (one) => log.record(one);
  });
  afterEach(async () => await api.close());

  test("are in the log when they are answered, and a ledger without them gets each once", async () => {
    const { customerId } = await api.customer("ada");
    await api.send(createCustomerTopUp(customerId, { amount: "5", reason: "transfer" }), api.admin);
    const correction = { amount: "-1.5", reason: "wrong account" };
    await api.send(createCustomerAdjustment(customerId, correction), api.admin);
    const logged = await read();
    expect(logged).toMatchObject([
      { kind: "topup", customerId, amount: "5.0000", reason: "transfer" },
      { kind: "adjustment", customerId, amount: "-1.5000", reason: "wrong account" },
    ]);
    const lost = payment("lost", { customerId, amount: "7.0000" });
    const ofNobody = payment("of-nobody", { customerId: 999_999 });
    const ofNoRun = payment("of-no-run", { customerId, kind: "refund", runId: "run-unknown" });

    const outcomes = await replayPayments(api.db, [...logged, lost, lost, ofNobody, ofNoRun]);

    expect(outcomes.map(({ outcome }) => outcome)).toEqual([
      "known",
      "known",
      "replayed",
      "known",
      "unknown-customer",
      "unknown-run",
    ]);
    const { rows } = await api.db.query("SELECT balance FROM customers WHERE id = $1", [customerId]);
    expect(rows).toEqual([{ balance: "10.5000" }]);
  });

  test("that the ledger lacks are found by the doctor, who mentions where there is no log", async () => {
    const { customerId } = await api.customer("ada");
    await openLog().record(payment("lost", { customerId }));

    expect(await checkPaymentLog(api.deps.db, join(folder, "payments"))).toMatchObject({
      state: "broken",
      findings: [{ finding: "payment-not-booked", subject: { customer: customerId, payment: "lost" } }],
    });
    expect(await checkPaymentLog(api.deps.db, null)).toMatchObject({
      state: "well",
      notes: [expect.stringContaining("REMOTEGPU_PAYMENT_LOG is unset")],
    });
  });
});
