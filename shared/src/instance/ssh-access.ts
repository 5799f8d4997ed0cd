/**
 * Who may enter instances of a host by SSH and through the gateway, as both sides speak of it: key sets by reference,
 * host key and password of an instance, gateways, sessions, and those that are to be cut. Each part has its feature, and
 * agents without it ignore the part.
 */
import { z } from "zod";
import type { Feature } from "./features.ts";
import { InstanceId, LeaseId, RunId, WorkloadId } from "../values/ids.ts";
import { LEASE_SERVICES } from "./lease.ts";
import { text } from "../values/text.ts";
import { KIB } from "../values/units.ts";

/** The word of agents that serve SSH (features.ts). */
export const SSH_FEATURE = "ssh" satisfies Feature;
/** Where the server of ours listens in a container, on its loopback address. */
export const SSH_PORT = 2022;
/** The types of keys that open anything. Certificates are none: who signs them is nobody whom we know. */
export const SSH_KEY_TYPES: ReadonlySet<string> = new Set([
  "ssh-ed25519",
  "ssh-rsa",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
  "sk-ssh-ed25519@openssh.com",
  "sk-ecdsa-sha2-nistp256@openssh.com",
]);
/** The keys of one person. */
export const MAX_KEYS_OF_SET = 64;
/** Any key that OpenSSH takes is shorter; so a whole set fits a page. */
export const MAX_KEY_LINE = 4 * KIB;
/** The key sets of one page: more than fit it, since none is empty. */
export const MAX_KEY_SETS = 4_096;
export const MAX_SETS_OF_INSTANCE = 256;
export const MAX_GATEWAYS = 64;
export const MAX_CUTS = 1_024;
/** In one report, of a host. */
export const MAX_SESSIONS = 512;
export const MAX_ATTEMPTS = 256;

const KeySetId = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/);
const AccessSessionId = z.string().regex(/^[A-Za-z0-9_-]{16,64}$/);

/** The SSH access of one instance, applied live. */
export const SshAccess = z.object({
  /** Whose keys open it, a set a person; a set that no page of the same generation has is empty. */
  keySets: z.array(KeySetId).max(MAX_SETS_OF_INSTANCE),
  /** The private key of its server; absent: the host makes one. */
  hostKey: text(8 * KIB).optional(),
  /** As crypt(3) writes it; null: no password opens it. */
  passwordHash: text(256).nullable().optional(),
});

/** A public key of a person. */
export const AccessKey = z.object({
  /** By which a login is told. */
  id: z.int().positive(),
  /** Type and body as a line of an authorized_keys file has them: no options, no comment, nothing that could be any. */
  line: z
    .string()
    .max(MAX_KEY_LINE)
    .regex(/^[a-z0-9][a-z0-9@.-]* [A-Za-z0-9+/]+={0,2}$/),
  /** RFC 3339; from then on it opens nothing, and who came in by it is cut off. Absent: it stays. */
  expiresAt: z.iso.datetime().optional(),
});
export type AccessKey = z.infer<typeof AccessKey>;

/** All keys of one person. It stands on the page of the first instance that it opens, or an earlier one. */
export const KeySet = z.object({ id: KeySetId, keys: z.array(AccessKey).max(MAX_KEYS_OF_SET) });
export type KeySet = z.infer<typeof KeySet>;

/** A set as it arrives: its keys are read one by one (one-by-one.ts). */
export const ArrivedKeySet = KeySet.extend({ keys: z.array(z.unknown()).max(MAX_KEYS_OF_SET) });

/** A gateway of the control plane, for hosts that it cannot reach. */
export const GatewayAddress = z.object({ name: text(64), host: text(256), port: z.int().min(1).max(65_535) });
export type GatewayAddress = z.infer<typeof GatewayAddress>;

/** A session that is to end now: the right to it has gone. */
export const Cut = z.object({ sessionId: AccessSessionId, because: text(200) });
export type Cut = z.infer<typeof Cut>;

const Through = { leaseId: LeaseId, workloadId: WorkloadId, service: z.enum(LEASE_SERVICES), from: text(64) };

/** What the container's sshd told of a login, which root of the container can make it say. */
export const SessionLogin = z.object({
  method: z.enum(["publickey", "password", "other"]),
  /** The fingerprint of the key, as ssh-keygen -l prints it; null where it was none. */
  fingerprint: z
    .string()
    .regex(/^SHA256:[A-Za-z0-9+/]{43}$/)
    .nullable(),
  at: z.string().max(40),
});
export type SessionLogin = z.infer<typeof SessionLogin>;

export const SESSION_ENDS = ["client", "container", "lost", "cut", "silent", "access-process"] as const;

/**
 * Somebody within a leased port: of ssh one connection, told once it has logged in or lasted half a minute; of other
 * services all connections of one address, as long as they follow each other within a minute. Written by the relay, all
 * but the login. Times are RFC 3339 labels of the host's wall clock.
 */
export const AccessSession = z.object({
  sessionId: AccessSessionId,
  instanceId: InstanceId,
  runId: RunId,
  ...Through,
  openedAt: z.string().max(40),
  /** The bytes of an open session lag behind. */
  bytesIn: z.int().nonnegative(),
  bytesOut: z.int().nonnegative(),
  login: SessionLogin.nullable(),
  /** Who ended it, with a sentence where there is one to say; null while it is open. */
  ended: z.object({ at: z.string().max(40), by: z.enum(SESSION_ENDS), detail: text(200) }).nullable(),
});
export type AccessSession = z.infer<typeof AccessSession>;

export const ATTEMPT_OUTCOMES = ["no-login", "silent", "too-many", "too-fast", "no-way"] as const;

/** Connections of one address to one lease that came to nothing, counted for some minutes; told once that is over. */
export const AccessAttempts = z.object({
  attemptsId: AccessSessionId,
  ...Through,
  /** `from` is "others" where more addresses came than are told apart. */
  outcome: z.enum(ATTEMPT_OUTCOMES),
  count: z.int().positive(),
  firstAt: z.string().max(40),
  lastAt: z.string().max(40),
});
export type AccessAttempts = z.infer<typeof AccessAttempts>;

/** What the host's book of access has that was not taken yet. What is ended, and attempts, are told until they are. */
export const AccessReport = z.object({
  sessions: z.array(AccessSession).max(MAX_SESSIONS),
  attempts: z.array(AccessAttempts).max(MAX_ATTEMPTS),
  /** All open sessions are among them: one that is not has ended in a way that nobody saw. */
  isWhole: z.boolean(),
});
export type AccessReport = z.infer<typeof AccessReport>;

/** The same as it arrives: what it tells is read one by one (one-by-one.ts). */
export const ArrivedAccessReport = AccessReport.extend({
  sessions: z.array(z.unknown()).max(MAX_SESSIONS),
  attempts: z.array(z.unknown()).max(MAX_ATTEMPTS),
});
export type ArrivedAccessReport = z.infer<typeof ArrivedAccessReport>;
