/**
 * One pass over the upgrade of the fleet that is open: what its hosts have come to, on which of them the release is ordered, and
 * whether the next wave begins (core/hosts/upgrades). Where none is open, no host is to run any other release. While an
 * upgrade is halted there is an alarm.
 */
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import { type HostOfUpgrade, planUpgrade, type Upgrade } from "../../core/hosts/upgrades/upgrade-plan.ts";
import type { Reason } from "../../core/reasons/reason.ts";
import { setting } from "../../store/accounts/settings.ts";
import type { Database, Transaction } from "../../store/database/database.ts";
import { transaction } from "../../store/database/transaction.ts";
import { assertTerm } from "../../store/database/leader.ts";
import { keepAlarms } from "../../store/events/alarms.ts";
import {
  type FleetUpgradeRow,
  hostsOfUpgrade,
  lockOpenUpgrade,
  nameRelease,
  saveHosts,
  saveUpgrade,
  upgradeOf,
} from "../../store/hosts/fleet-upgrades.ts";

/** True where the next wave has begun, whose hosts are ordered by the next pass. */
export async function fleetUpgradePass(
  { db }: { db: Database },
  { term, now }: { term: number; now: Date },
): Promise<boolean> {
  return await transaction(db, async (sql) => {
    await assertTerm(sql, term);
    const row = await lockOpenUpgrade(sql);
    const upgrade = row === null ? null : await carryOn(sql, row, now);
    if (upgrade === null) await nameRelease(sql, { release: null, hostIds: [] });
    await keepHaltAlarm(sql, { row, upgrade, now });
    return row !== null && upgrade !== null && upgrade.wave > row.wave;
  });
}

async function carryOn(sql: Transaction, row: FleetUpgradeRow, now: Date): Promise<Upgrade> {
  const before = await hostsOfUpgrade(sql, { upgradeId: row.id, wave: row.wave });
  const calmMs = Number(await setting(sql, "FLEET_UPGRADE_CALM_MINUTES")) * MS_PER_MINUTE;
  const { upgrade, hosts } = planUpgrade(upgradeOf(row), before, { nowMs: now.getTime(), calmMs });
  const known = new Map(before.map(([host]) => [host.hostId, host]));
  const changed = hosts.filter((host) => isChanged(known.get(host.hostId), host));
  await saveHosts(sql, { upgradeId: row.id, hosts: changed, now });
  await saveUpgrade(sql, { id: row.id, upgrade, now });
  const ordered = hosts.filter(({ state }) => state === "ordered" && upgrade.state === "running");
  const release = { version: row.version, manifestSha256: row.manifest_sha256 };
  await nameRelease(sql, { release, hostIds: ordered.map(({ hostId }) => hostId) });
  return upgrade;
}

function isChanged(before: HostOfUpgrade | undefined, after: HostOfUpgrade): boolean {
  return JSON.stringify(before) !== JSON.stringify(after);
}

async function keepHaltAlarm(
  sql: Transaction,
  { row, upgrade, now }: { row: FleetUpgradeRow | null; upgrade: Upgrade | null; now: Date },
): Promise<void> {
  const isHalted = row !== null && upgrade?.state === "halted" && upgrade.reason !== null;
  const alarms = new Map<string, Reason>();
  if (isHalted && upgrade.reason !== null) alarms.set(row.version, upgrade.reason);
  await keepAlarms(sql, { kind: "fleet-upgrade-halted", prefix: "", alarms, most: 1, now });
}
