import { expect, test } from "vitest";
import { Sealing } from "@remotegpu/control-plane/server/controllers/sealing";
import { openDatabase } from "@remotegpu/control-plane/server/store/database/database";
import { StoreError } from "@remotegpu/control-plane/server/store/database/store-error";
import type { Seals } from "@remotegpu/control-plane/server/store/secrets/sealed-tables";
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import { quietLog } from "../../../../support/quiet-log.ts";

test("a scan that fails is tried again later and later, an hour at most, and at once under another term", async () => {
  const db = openDatabase("postgres://localhost/none");
  // Nobody gets a connection any more.
  await db.close();
  const sealing = new Sealing({ db, seals: {} as Seals, log: quietLog });
  const isTried = async (minutes: number, term = 1) =>
    await sealing.pass({ term, now: new Date(minutes * MS_PER_MINUTE) }).then(
      () => false,
      (error: unknown) => error instanceof StoreError,
    );

  const tried: number[] = [];
  for (let minute = 1; minute <= 240; minute += 1) if (await isTried(minute)) tried.push(minute);

  expect(tried).toEqual([1, 3, 7, 15, 31, 63, 123, 183]);
  expect(await isTried(241)).toBe(false);
  expect(await isTried(241, 2)).toBe(true);
});
