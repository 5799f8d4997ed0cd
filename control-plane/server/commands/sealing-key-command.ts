/**
 * `sealing-key`: the key that seals what the database stores of secrets, and its rotation: `add` another one to
 * operator.json, `rotate` to it, `drop` the old ones. Between any two of them, and while one runs, both keys open; ended
 * anywhere, each can be run again.
 */
import { envVarSeal } from "../link/identity/env-var-seal.ts";
import { passwordSeal } from "../link/identity/password-seal.ts";
import { webhookSeal } from "../link/identity/webhook-seal.ts";
import { type Operator, operatorFile, writeSealingKeys } from "../link/servers/operator.ts";
import { freshSealingKey, type SealingKey } from "../link/servers/sealing-keys.ts";
import type { Database } from "../store/database/database.ts";
import { lacking } from "../core/secrets/key-holders.ts";
import { presentLeader } from "../store/database/leader.ts";
import { resealAll, unsealedCounts } from "../store/secrets/resealing.ts";
import { sealingKeyReports, silentLeader } from "../store/secrets/sealing-key-reports.ts";
import type { Seals } from "../store/secrets/sealed-tables.ts";

export const SEALING_KEY_STEPS = ["status", "add", "rotate", "drop"] as const;
export type SealingKeyStep = (typeof SEALING_KEY_STEPS)[number];

/** What was asked for cannot be done as things are; nothing was changed. */
export class SealingKeyError extends Error {
  override readonly name = "SealingKeyError";
}

interface Held {
  db: Database;
  operator: Operator;
  stateDir: string;
}

const MAX_NAMED = 10;
const MAX_NAMED_AFTER_UPGRADE = 20;

export function sealsOf(operator: Operator): Seals {
  return {
    envVars: envVarSeal(operator),
    passwords: passwordSeal(operator),
    webhooks: webhookSeal(operator),
  };
}

/**
 * Seals what is plain, where no server leads: one of the version before reads nothing that is sealed, and one of this
 * version does it itself when it begins to lead.
 */
export async function sealUnlessServed(
  db: Database,
  seals: Seals,
  print: (text: string) => void,
): Promise<void> {
  const leader = await presentLeader(db);
  if (leader !== null)
    return print(
      `a control plane runs on this database (${leader}); values are sealed by the next one that leads`,
    );
  const { sealed, left } = await resealAll(db, { seals, of: "plain" });
  if (sealed > 0) print(`${sealed} rows with plain values of variables, or secrets of webhooks, are sealed`);
  if (left.length > 0)
    print(
      `values in ${left.length} rows could not be sealed: ${left.slice(0, MAX_NAMED_AFTER_UPGRADE).join(", ")}`,
    );
}

/** @throws SealingKeyError */
export async function sealingKeyCommand(
  step: SealingKeyStep,
  held: Held,
  print: (text: string) => void,
): Promise<void> {
  switch (step) {
    case "status":
      return await reportStatus(held, print);
    case "add":
      return addKey(held, print);
    case "rotate":
      return await rotate(held, print);
    case "drop":
      return await dropOld(held, print);
  }
}

async function reportStatus({ db, operator }: Held, print: (text: string) => void): Promise<void> {
  const { sealsWith, keys } = operator.sealingKeys();
  for (const { name } of keys) print(`key ${name}${name === sealsWith.name ? " (seals)" : " (opens)"}`);
  for (const { table, plain, otherKeys } of await unsealedCounts(db, sealsOf(operator)))
    print(`${table}: ${plain} rows plain, ${otherKeys} under another key`);
  for (const { server, sealsWith: seals, keyNames, reportedAt } of await sealingKeyReports(db))
    print(
      `server ${server} has ${keyNames.join(", ")} and seals with ${seals} (${reportedAt.toISOString()})`,
    );
}

/** It opens from now on, and seals nothing yet: servers that lack it must get it before they meet it. */
function addKey({ operator, stateDir }: Held, print: (text: string) => void): void {
  const { sealsWith, keys } = operator.sealingKeys();
  const next = nextKey(operator);
  if (next !== null) return print(`The key ${next.name} is there already and seals nothing yet.`);
  const added = freshSealingKey();
  writeSealingKeys(operatorFile(stateDir), { sealsWith, keys: [...keys, added] });
  print(
    `${operatorFile(stateDir)} has the key ${added.name} beside ${sealsWith.name}. Copy it to every server and gateway of the fleet, which need no restart, and then run: remotegpu-control-plane sealing-key rotate`,
  );
}

async function rotate({ db, operator, stateDir }: Held, print: (text: string) => void): Promise<void> {
  const { keys } = operator.sealingKeys();
  if (keys.length === 1)
    throw new SealingKeyError("there is one key alone: add another first (sealing-key add)");
  const next = nextKey(operator);
  if (next !== null) writeSealingKeys(operatorFile(stateDir), { sealsWith: next, keys });
  const { sealed, left } = await resealAll(db, { seals: sealsOf(operator), of: "other-keys" });
  print(`${sealed} rows are sealed anew, with the key ${operator.sealingKeys().sealsWith.name}.`);
  if (left.length > 0) print(`${left.length} rows do not open: ${left.slice(0, MAX_NAMED).join(", ")}`);
  const without = lacking(await sealingKeyReports(db), operator.sealingKeys().sealsWith.name);
  if (without.length > 0) print(`As servers said last: ${without.join("; ")}.`);
  print(
    "Copy operator.json to every other server now, since those seal with the old key until then; run this again once they have it, and then: remotegpu-control-plane sealing-key drop",
  );
}

/** @throws SealingKeyError while something is sealed with them, or a server needs them */
async function dropOld({ db, operator, stateDir }: Held, print: (text: string) => void): Promise<void> {
  const { sealsWith, keys } = operator.sealingKeys();
  if (nextKey(operator) !== null)
    throw new SealingKeyError(`the newest key seals nothing yet: run sealing-key rotate first`);
  const others = keys.filter(({ name }) => name !== sealsWith.name);
  if (others.length === 0) return print(`The key ${sealsWith.name} is the only one.`);
  const used = (await unsealedCounts(db, sealsOf(operator))).filter(({ otherKeys }) => otherKeys > 0);
  if (used.length > 0)
    throw new SealingKeyError(
      `rows are sealed with another key (${used.map(({ table, otherKeys }) => `${table}: ${otherKeys}`).join(", ")}): run sealing-key rotate again`,
    );
  await refuseWhileNeeded(db, sealsWith);
  writeSealingKeys(operatorFile(stateDir), { sealsWith, keys: [sealsWith] });
  print(`The key ${sealsWith.name} is the only one now. Backups of before need the old operator.json.`);
}

/** A server without the new key would seal with the old one, which nobody else could open. @throws SealingKeyError */
async function refuseWhileNeeded(db: Database, { name }: SealingKey): Promise<void> {
  const without = lacking(await sealingKeyReports(db), name);
  if (without.length > 0)
    throw new SealingKeyError(
      `${without.join("; ")}: copy operator.json there. A server that will not come back counts until a day after it was heard, and one that runs anew in its place for 3 minutes`,
    );
  const leader = await silentLeader(db);
  if (leader !== null)
    throw new SealingKeyError(
      `the server that leads (${leader}) does not say which keys it has: it has just begun, or is of the version before`,
    );
}

/** The newest stands last; null where it is the one that seals. */
function nextKey(operator: Operator): SealingKey | null {
  const { sealsWith, keys } = operator.sealingKeys();
  const newest = keys.at(-1);
  return newest === undefined || newest.name === sealsWith.name ? null : newest;
}
