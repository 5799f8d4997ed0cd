/**
 * The keys of NATS's operator mode and what they sign: one operator, the system account, the control plane's
 * account (with JetStream) and the hosts' account (without it). Made once and kept in one file of mode 0600;
 * whoever has that file owns the fleet.
 */
import { createSecretKey, randomBytes } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { encodeOperator, encodeUser } from "@nats-io/jwt";
import { createAccount, createOperator, createUser, fromSeed, type KeyPair } from "@nats-io/nkeys";
import { z } from "zod";
import {
  controlPlaneAccountJwt,
  hostsAccountJwt,
  systemAccountJwt,
  type AccountKeys,
} from "./account-claims.ts";
import { derivedSealingKey, type SealingKeySet } from "./sealing-keys.ts";

/** Which keys seal what the database stores of secrets, once they were rotated; the one that seals is named. */
const RotatedKeys = z.object({
  sealsWith: z.string(),
  keys: z.array(z.object({ name: z.string(), secret: z.base64() })).min(1),
});

const StateFile = z.object({
  operatorSeed: z.string(),
  systemSeed: z.string(),
  controlPlaneSeed: z.string(),
  hostsSeed: z.string(),
  operatorJwt: z.string(),
  /** As first made, with their first issue time: a server that starts with these keeps newer ones it was sent. */
  accountJwts: z.record(z.string(), z.string()),
  challengeSecret: z.string(),
  sealing: RotatedKeys.optional(),
});

export interface Operator extends AccountKeys {
  jwt: string;
  /** Account id → JWT, for the server's configuration. */
  preload: Record<string, string>;
  /** Signs the challenges of credential renewal. */
  challengeSecret: string;
  /** As its file says at this moment. */
  sealingKeys: () => SealingKeySet;
}

export interface NatsUser {
  jwt: string;
  seed: Uint8Array;
}

/** Reads the operator's file, or makes it; two processes that start at once end with the same one. */
export async function openOperator(path: string): Promise<Operator> {
  const text = readStateFile(path) ?? (await makeStateFile(path));
  const state = StateFile.parse(JSON.parse(text));
  return { ...operatorOf(state), sealingKeys: sealingKeysIn(path, sealingKeySetOf(text)) };
}

/** Writes other sealing keys into the operator's file, whole: who reads it finds the old ones or the new ones. */
export function writeSealingKeys(path: string, { sealsWith, keys }: SealingKeySet): void {
  const state = StateFile.parse(JSON.parse(readFileSync(path, "utf8")));
  const sealing: z.infer<typeof RotatedKeys> = {
    sealsWith: sealsWith.name,
    keys: keys.map(({ name, secret }) => ({ name, secret: secret.export().toString("base64") })),
  };
  const ours = `${path}.${process.pid}`;
  writeFileSync(ours, JSON.stringify({ ...state, sealing }), { mode: 0o600 });
  renameSync(ours, path);
}

/**
 * The file is read again when another one is in its place; a server that runs need not be told of a rotation. While it is
 * away or half there, as when it is being copied, the keys of before hold.
 */
function sealingKeysIn(path: string, first: SealingKeySet): () => SealingKeySet {
  let known = { mark: "", set: first };
  return () => {
    try {
      const { ino, mtimeMs, size } = statSync(path);
      const mark = `${ino} ${mtimeMs} ${size}`;
      if (known.mark !== mark) known = { mark, set: sealingKeySetOf(readFileSync(path, "utf8")) };
    } catch {
      // It is looked at again with the next value.
    }
    return known.set;
  };
}

/** @throws Error where the key that is to seal is not among them */
function sealingKeySetOf(text: string): SealingKeySet {
  const { operatorSeed, sealing } = StateFile.parse(JSON.parse(text));
  if (sealing === undefined) {
    const derived = derivedSealingKey({ key: keyOf(operatorSeed) });
    return { sealsWith: derived, keys: [derived] };
  }
  const keys = sealing.keys.map(({ name, secret }) => ({
    name,
    secret: createSecretKey(Buffer.from(secret, "base64")),
  }));
  const sealsWith = keys.find(({ name }) => name === sealing.sealsWith);
  if (sealsWith === undefined) throw new Error(`operator.json lacks the sealing key ${sealing.sealsWith}`);
  return { sealsWith, keys };
}

/** A fresh user of one of our own accounts, for this process only; its key is nowhere but in memory. */
export async function ownUser(account: KeyPair, name: string): Promise<NatsUser> {
  const user = createUser();
  return { jwt: await encodeUser(name, user, account), seed: user.getSeed() };
}

function readStateFile(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}

/** Written whole beside its place and then linked into it, which fails when another process was first. */
async function makeStateFile(path: string): Promise<string> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const ours = `${path}.${process.pid}`;
  writeFileSync(ours, JSON.stringify(await newState()), { mode: 0o600 });
  try {
    linkSync(ours, path);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  } finally {
    rmSync(ours);
  }
  return readFileSync(path, "utf8");
}

async function newState(): Promise<z.infer<typeof StateFile>> {
  const key = createOperator();
  const keys = {
    key,
    systemAccount: createAccount(),
    controlPlaneAccount: createAccount(),
    hostsAccount: createAccount(),
  };
  const systemId = keys.systemAccount.getPublicKey();
  const operatorJwt = await encodeOperator("remotegpu", key, { system_account: systemId });
  return {
    operatorSeed: seedOf(key),
    systemSeed: seedOf(keys.systemAccount),
    controlPlaneSeed: seedOf(keys.controlPlaneAccount),
    hostsSeed: seedOf(keys.hostsAccount),
    operatorJwt,
    accountJwts: {
      [systemId]: await systemAccountJwt(keys),
      [keys.controlPlaneAccount.getPublicKey()]: await controlPlaneAccountJwt(keys),
      [keys.hostsAccount.getPublicKey()]: await hostsAccountJwt(keys, []),
    },
    challengeSecret: randomBytes(32).toString("base64url"),
  };
}

function operatorOf(state: z.infer<typeof StateFile>): Omit<Operator, "sealingKeys"> {
  return {
    jwt: state.operatorJwt,
    key: keyOf(state.operatorSeed),
    systemAccount: keyOf(state.systemSeed),
    controlPlaneAccount: keyOf(state.controlPlaneSeed),
    hostsAccount: keyOf(state.hostsSeed),
    preload: state.accountJwts,
    challengeSecret: state.challengeSecret,
  };
}

const seedOf = (key: KeyPair) => new TextDecoder().decode(key.getSeed());
const keyOf = (seed: string) => fromSeed(new TextEncoder().encode(seed));
