/** From where passwords may be tried, on the real file: what is kept, and what is forgotten with its lease. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ACCESS_FILE, LeaseStore } from "@remotegpu/agent/access/store/lease-store";
import { LeaseStoreError } from "@remotegpu/agent/access/store/lease-store-error";
import { TriesKeeper } from "@remotegpu/agent/access/leases/tries-keeper";
import type { PasswordTries } from "@remotegpu/agent/core/access/password-limiter";
import type { LeaseId } from "@remotegpu/shared/values/ids";
import { heldLease } from "../../../../support/samples/lease-samples.ts";
import { quietLog } from "../../../../support/quiet-log.ts";

const SPENT: PasswordTries = { strangers: { left: 60, atMs: 0 }, addresses: [] };
const [here, gone] = [heldLease("here", 20_001), heldLease("gone", 20_002)];

let folder: string;
let store: LeaseStore;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "rg-tries-"));
  store = new LeaseStore(join(folder, ACCESS_FILE));
  store.write(0, { saved: [here, gone] });
});
afterEach(() => {
  store.close();
  rmSync(folder, { recursive: true, force: true });
});

const leased = new Set<LeaseId>();
const keeper = (from: ConstructorParameters<typeof TriesKeeper>[0]["store"] = store) =>
  new TriesKeeper({
    store: from,
    isLeased: (leaseId) => leased.has(leaseId),
    clock: { monotonicMs: () => 0, wallMs: () => 0 },
    log: quietLog,
  });
beforeEach(() => {
  leased.clear();
  leased.add(here.leaseId).add(gone.leaseId);
});
const rows = () => {
  const file = new Database(join(folder, ACCESS_FILE), { readonly: true });
  const ids = file.prepare("SELECT lease_id FROM password_tries ORDER BY 1").pluck().all();
  file.close();
  return ids;
};

test("a lease that was forgotten before its tries were written leaves no row of them", () => {
  const tries = keeper();
  tries.take([here, gone].map(({ leaseId }) => ({ leaseId, tries: SPENT })));
  store.write(0, { forgotten: [gone] });
  leased.delete(gone.leaseId);

  tries.writeDown();

  expect(rows()).toEqual([here.leaseId]);
});

test("a lease whose tries were not written is not waited for once it is forgotten", () => {
  const writes: LeaseId[][] = [];
  const tries = keeper({
    passwordTries: () => new Map(),
    dropOrphanedTries: () => undefined,
    keepPasswordTries: (changed) => void writes.push([...changed.keys()]),
  });
  tries.take([{ leaseId: gone.leaseId, tries: SPENT }]);
  leased.delete(gone.leaseId);
  tries.writeDown();
  leased.add(gone.leaseId).delete(here.leaseId);
  tries.take([]);

  tries.writeDown();

  expect(writes).toEqual([]);
  expect(tries.of(gone.leaseId)).toBeNull();
});

test("rows of leases that are no more, as an earlier version left them, are gone after the next start", () => {
  store.keepPasswordTries(new Map([here, gone].map(({ leaseId }) => [leaseId, SPENT])));
  const { leaseId } = heldLease("never", 20_003);
  store.keepPasswordTries(new Map([[leaseId, SPENT]]));

  const tries = keeper();

  expect(new Set(rows())).toEqual(new Set([here.leaseId, gone.leaseId]));
  expect([here.leaseId, leaseId].map((id) => tries.of(id))).toEqual([SPENT, null]);
});

test("a disk that takes no writes at the start keeps nobody's tries back", () => {
  store.keepPasswordTries(new Map([[here.leaseId, SPENT]]));

  const tries = keeper({
    passwordTries: () => store.passwordTries(),
    keepPasswordTries: (changed) => store.keepPasswordTries(changed),
    dropOrphanedTries: () => {
      throw new LeaseStoreError("the disk is full");
    },
  });

  expect(tries.of(here.leaseId)).toEqual(SPENT);
});
