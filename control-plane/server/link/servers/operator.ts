/**
 * The keys of NATS's operator mode and what they sign: one operator, the system account, the control plane's
 * account (with JetStream) and the hosts' account (without it). Made once and kept in one file of mode 0600;
 * whoever has that file owns the fleet.
 */
import { createSecretKey, randomBytes } from "node:crypto";
import {
  closeSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { encodeOperator, encodeUser } from "@nats-io/jwt";
import { createAccount, createOperator, createUser, fromSeed, type KeyPair } from "@nats-io/nkeys";
import type { Log } from "@remotegpu/shared/log";
import { z } from "zod";
import {
  controlPlaneAccountJwt,
  hostsAccountJwt,
  systemAccountJwt,
  type AccountKeys,
} from "./account-claims.ts";
import { derivedSealingKey, type SealingKeySet } from "./sealing-keys.ts";

/** Where the keys lie, below the state folder. */
export function operatorFile(stateDir: string): string {
  return join(stateDir, "operator.json");
}

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

/**
 * Reads the operator's file, or makes it; two processes that start at once end with the same one.
 * @param log hears of a file that cannot be read later on
 */
export async function openOperator(path: string, log: Log | null = null): Promise<Operator> {
  const text = readStateFile(path) ?? (await makeStateFile(path));
  const state = StateFile.parse(JSON.parse(text));
  return { ...operatorOf(state), sealingKeys: sealingKeysIn(path, sealingKeySetOf(text), log) };
}

/**
 * Writes other sealing keys into the operator's file, whole: who reads it finds the old ones or the new ones. It stays
 * whose it is, since a service that runs as a user of its own could not read one of root's, and is on disk before anything
 * is sealed with a key that it alone has.
 * @throws Error of code EPERM where the file is another user's and this one may not give files away
 */
export function writeSealingKeys(path: string, { sealsWith, keys }: SealingKeySet): void {
  const state = StateFile.parse(JSON.parse(readFileSync(path, "utf8")));
  const sealing: z.infer<typeof RotatedKeys> = {
    sealsWith: sealsWith.name,
    keys: keys.map(({ name, secret }) => ({ name, secret: secret.export().toString("base64") })),
  };
  const ours = `${path}.${process.pid}`;
  try {
    writeToDisk(ours, JSON.stringify({ ...state, sealing }), statSync(path));
    renameSync(ours, path);
  } finally {
    rmSync(ours, { force: true });
  }
  settleFolder(path);
}

/**
 * The file is read again when another one is in its place; a server that runs need not be told of a rotation. While it is
 * away or half there, as when it is being copied, the keys of before hold, and the log says so once for each such file.
 */
function sealingKeysIn(path: string, first: SealingKeySet, log: Log | null): () => SealingKeySet {
  let known = { mark: "", set: first };
  let reported: string | null = null;
  return () => {
    let mark = "away";
    try {
      const { ino, mtimeMs, size } = statSync(path);
      mark = `${ino} ${mtimeMs} ${size}`;
      if (known.mark !== mark) known = { mark, set: sealingKeySetOf(readFileSync(path, "utf8")) };
      reported = null;
    } catch (error) {
      // It is tried again with the next value.
      if (reported !== mark)
        log?.error({ file: path, reason: reasonOf(error) }, "keys cannot be read; those of before hold");
      reported = mark;
    }
    return known.set;
  };
}

/** Never a parser's own sentence, which may quote what stands in the file. */
function reasonOf(error: unknown): string {
  if (error instanceof Error && "code" in error) return String(error.code);
  return error instanceof MissingKeyError ? error.message : "it is not whole";
}

class MissingKeyError extends Error {}

/** @throws MissingKeyError where the key that is to seal is not among them */
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
  if (sealsWith === undefined)
    throw new MissingKeyError(`operator.json lacks the sealing key ${sealing.sealsWith}`);
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
  try {
    writeToDisk(ours, JSON.stringify(await newState()));
    linkSync(ours, path);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  } finally {
    rmSync(ours, { force: true });
  }
  settleFolder(path);
  return readFileSync(path, "utf8");
}

/**
 * Never through what lies there already, a link of the folder's owner among it.
 * @param like whose it is to be, and whether its group reads it
 */
function writeToDisk(path: string, text: string, like: Stats | null = null): void {
  rmSync(path, { force: true });
  const file = openSync(path, "wx", 0o600);
  try {
    if (like !== null) {
      const { uid, gid } = fstatSync(file);
      if (uid !== like.uid || gid !== like.gid) fchownSync(file, like.uid, like.gid);
      fchmodSync(file, 0o600 | (like.mode & 0o040));
    }
    writeFileSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** What was put into this file's folder outlasts a power cut from now on. */
function settleFolder(path: string): void {
  const folder = openSync(dirname(path), "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
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
