/**
 * Three hours of life after a backup, and then the database is lost: what the backup knew costs what it costs where nothing
 * broke, money that came in is in the payment log, and no container ends.
 */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createCustomerRefund, createCustomerTopUp } from "@remotegpu/control-plane/client/generated/api";
import {
  restoreResumeCommand,
  restoreStatusCommand,
} from "@remotegpu/control-plane/server/commands/restore-status-command";
import { examine } from "@remotegpu/control-plane/server/store/doctor/examination";
import { parsePoints } from "@remotegpu/shared/values/money";
import { RestoredLife } from "../../support/worlds/restored-life.ts";

const BACKUP = 20;
const STEP = 20;
const THREE_HOURS_LATER = BACKUP + 180;

const lives: RestoredLife[] = [];
beforeEach(() => void vi.useFakeTimers({ toFake: ["Date"] }));
afterEach(async () => {
  vi.useRealTimers();
  for (const life of lives.splice(0)) await life.close();
});

async function begin(): Promise<RestoredLife> {
  const life = await RestoredLife.begin();
  lives.push(life);
  await life.orderAllKinds();
  await life.until(10);
  return life;
}

/** The job ends, money comes in, and something is ordered of which a backup knows nothing. */
async function threeHours(life: RestoredLife): Promise<void> {
  const { scene, alice } = life;
  for (let minute = BACKUP + STEP; minute <= THREE_HOURS_LATER; minute += STEP) {
    await life.until(minute);
    if (minute === 40) await scene.order(alice, { name: "late", gpu: 1 });
    if (minute === 80)
      await scene.api.send(createCustomerTopUp(alice.customerId, { amount: "50" }), scene.api.admin);
    if (minute === 100) await life.endJob();
    if (minute === 140) {
      const refund = { run_id: await life.runOf("job"), amount: "0.5" };
      await scene.api.send(createCustomerRefund(alice.customerId, refund), scene.api.admin);
    }
    await life.work();
    await life.follow();
  }
}

const ofBackup = <Line extends { resource_name: string }>(lines: Line[]) =>
  lines.filter(({ resource_name }) => resource_name !== "late");
const textOf = async (command: (print: (text: string) => void) => Promise<void>) => {
  const lines: string[] = [];
  await command((text) => void lines.push(text));
  return lines.join("\n");
};

test("the bill is that of a twin that never broke, and nothing is ended, started or charged before the word to go on", async () => {
  const twin = await begin();
  await twin.until(BACKUP);
  await threeHours(twin);
  await twin.until(240);
  await twin.work();

  const life = await begin();
  await life.until(BACKUP);
  const backup = await life.backUp();
  await threeHours(life);
  const running = life.running;
  const { db } = life.scene.api;
  const restoring = await life.restore(backup);

  expect(restoring).toContainEqual(
    "2 payments were booked that the payment log has beyond it; 0 could not be.",
  );
  const booked = await life.balance();
  const status = () => textOf((print) => restoreStatusCommand(db, {}, print));
  expect(await status()).toContain("host-a: not heard since the restore");
  await expect(restoreResumeCommand(db, {}, () => undefined)).rejects.toThrow(
    /1 of 1 hosts have not said all .*host-a \(not heard\)/,
  );

  // The host reports and sends again what it metered, and a customer orders more.
  await life.work();
  expect(life.isHeld).toBe(true);
  await life.beat();
  await life.report();
  await life.send();
  await life.scene.order(life.alice, { name: "later", gpu: 1 });
  await life.work();

  await expect(life.host.pull()).rejects.toThrow(
    /nothing is started or stopped until an administrator resumes/,
  );
  expect(await life.balance()).toBe(booked);
  const { rows: placed } = await db.query("SELECT FROM runs WHERE resource_name = 'later'");
  expect(placed).toEqual([]);
  const compared = await status();
  expect(compared).toMatch(/1 of 1 hosts have reported/);
  expect(compared).toMatch(/1 run on their hosts, and are not known here; they are left alone/);
  expect(compared).toMatch(/1 ran by the backup, and have ended since/);
  expect(compared).toMatch(/\d+ of host-a: .*run/);

  await textOf((print) => restoreResumeCommand(db, {}, print));
  await life.work();
  expect(life.isHeld).toBe(false);
  const wanted = await life.host.pull();
  expect(wanted.filter(({ want, runId }) => want !== "running" && running.includes(runId))).toEqual([]);
  await life.until(240);
  await life.work();

  expect(life.running).toEqual(running);
  expect(ofBackup(await life.bill())).toEqual(ofBackup(await twin.bill()));
  for (const name of ["notebook", "chat"]) expect(await life.hours(name)).toEqual(await twin.hours(name));
  const late = (await twin.bill()).filter(({ resource_name }) => resource_name === "late");
  const unknown = late.reduce((sum, { amount }) => sum + parsePoints(amount), 0n);
  expect(parsePoints(await life.balance())).toBe(parsePoints(await twin.balance()) + unknown);
  const broken = (await examine(life.scene.api.deps.db, new Date())).filter(({ state }) => state !== "well");
  expect(broken).toEqual([]);
}, 120_000);
