/**
 * The keys of NATS's operator mode and what they sign: one operator, the system account, the control plane's
 * account (with JetStream) and the hosts' account (without it). Made once and kept in one file of mode 0600;
 * whoever has that file owns the fleet.
 *
 * Two accounts, since NATS never checks the reply subject of a publish: in one account a host could name
 * `$JS.API.STREAM.PURGE.RG_JOURNAL` as its reply and the server's answer would empty the journal.
 */
import { randomBytes } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { encodeAccount, encodeOperator, encodeUser, type Account } from "@nats-io/jwt";
import { createAccount, createOperator, createUser, fromSeed, type KeyPair } from "@nats-io/nkeys";
import { z } from "zod";
import { DOWN_OF_ALL_HOSTS, UP_OF_ALL_HOSTS } from "@remotegpu/shared/subjects";

const StateFile = z.object({
  operatorSeed: z.string(),
  systemSeed: z.string(),
  controlPlaneSeed: z.string(),
  hostsSeed: z.string(),
  operatorJwt: z.string(),
  /** As first made, with their first issue time: a server that starts with these keeps newer ones it was sent. */
  accountJwts: z.record(z.string(), z.string()),
  challengeSecret: z.string(),
});

export interface Operator {
  jwt: string;
  systemAccount: KeyPair;
  controlPlaneAccount: KeyPair;
  hostsAccount: KeyPair;
  key: KeyPair;
  /** Account id → JWT, for the server's configuration. */
  preload: Record<string, string>;
  /** Signs the challenges of credential renewal. */
  challengeSecret: string;
}

/** A host's key whose credentials issued until `revokedAt` are void. */
export interface Revocation {
  nkey: string;
  revokedAt: Date;
}

export interface NatsUser {
  jwt: string;
  seed: Uint8Array;
}

/** Reads the operator's file, or makes it; two processes that start at once end with the same one. */
export async function openOperator(path: string): Promise<Operator> {
  return operatorOf(StateFile.parse(JSON.parse(readStateFile(path) ?? (await makeStateFile(path)))));
}

/** Claims of the hosts' account with the keys that are revoked in it. JetStream stays off: no limits, no access. */
export function hostsAccountJwt(operator: Operator, revoked: readonly Revocation[]): Promise<string> {
  const revocations = Object.fromEntries(
    revoked.map(({ nkey, revokedAt }) => [nkey, Math.floor(revokedAt.getTime() / 1_000)]),
  );
  return encodeAccount(
    "remotegpu-hosts",
    operator.hostsAccount,
    { ...hostsClaims(operator), revocations },
    {
      signer: operator.key,
    },
  );
}

export function controlPlaneAccountJwt(operator: Operator): Promise<string> {
  return encodeAccount(
    "remotegpu-control-plane",
    operator.controlPlaneAccount,
    controlPlaneClaims(operator),
    {
      signer: operator.key,
    },
  );
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
  const operator = { ...keys, jwt: operatorJwt, preload: {}, challengeSecret: "" };
  const unlimitedSystem = { limits: UNLIMITED };
  return {
    operatorSeed: seedOf(key),
    systemSeed: seedOf(keys.systemAccount),
    controlPlaneSeed: seedOf(keys.controlPlaneAccount),
    hostsSeed: seedOf(keys.hostsAccount),
    operatorJwt,
    accountJwts: {
      [systemId]: await encodeAccount("remotegpu-system", keys.systemAccount, unlimitedSystem, {
        signer: key,
      }),
      [keys.controlPlaneAccount.getPublicKey()]: await controlPlaneAccountJwt(operator),
      [keys.hostsAccount.getPublicKey()]: await hostsAccountJwt(operator, []),
    },
    challengeSecret: randomBytes(32).toString("base64url"),
  };
}

function operatorOf(state: z.infer<typeof StateFile>): Operator {
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

/** A limit that is left out counts as zero to the server, so every one is said. */
const UNLIMITED = {
  subs: -1,
  data: -1,
  payload: -1,
  imports: -1,
  exports: -1,
  wildcards: true,
  conn: -1,
  leaf: 0,
} as const;

const UNLIMITED_JETSTREAM = {
  mem_storage: -1,
  disk_storage: -1,
  streams: -1,
  consumer: -1,
  max_ack_pending: -1,
} as const;

function controlPlaneClaims(operator: Operator): Partial<Account> {
  return {
    limits: { ...UNLIMITED, ...UNLIMITED_JETSTREAM },
    exports: [{ name: "up", subject: UP_OF_ALL_HOSTS, type: "service", response_type: "Singleton" }],
    imports: [
      {
        name: "down",
        subject: DOWN_OF_ALL_HOSTS,
        type: "service",
        account: operator.hostsAccount.getPublicKey(),
      },
    ],
  };
}

function hostsClaims(operator: Operator): Partial<Account> {
  return {
    limits: { ...UNLIMITED },
    exports: [{ name: "down", subject: DOWN_OF_ALL_HOSTS, type: "service", response_type: "Singleton" }],
    imports: [
      {
        name: "up",
        subject: UP_OF_ALL_HOSTS,
        type: "service",
        account: operator.controlPlaneAccount.getPublicKey(),
      },
    ],
  };
}
