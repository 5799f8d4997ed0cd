/**
 * Who may enter instances of a host by SSH and through the gateway, as both sides speak of it: key sets by reference,
 * host key and password of an instance, gateways, sessions, and those that are to be cut. Each part has its feature, and
 * agents without it ignore the part.
 */
import { z } from "zod";
import type { Feature } from "./features.ts";
import { InstanceId, RunId } from "./ids.ts";
import { text } from "./text.ts";
import { KIB } from "./units.ts";

/** The word of agents that serve SSH (features.ts). */
export const SSH_FEATURE = "ssh" satisfies Feature;
/** Where the server of ours listens in a container, on its loopback address. */
export const SSH_PORT = 2022;
/** Of keys that open anything. Certificates are none: who signs them is nobody whom we know. */
export const SSH_KEY_TYPES: ReadonlySet<string> = new Set([
  "ssh-ed25519",
  "ssh-rsa",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
  "sk-ssh-ed25519@openssh.com",
  "sk-ecdsa-sha2-nistp256@openssh.com",
]);
/** Of one person. */
export const MAX_KEYS_OF_SET = 64;
/** Any key that OpenSSH takes is shorter; so a whole set fits a page. */
export const MAX_KEY_LINE = 4 * KIB;
/** Of one page: more than fit it, since none is empty. */
export const MAX_KEY_SETS = 4_096;
export const MAX_SETS_OF_INSTANCE = 256;
export const MAX_GATEWAYS = 64;
export const MAX_CUTS = 1_024;
export const MAX_SESSIONS = 1_024;

const KeySetId = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/);
const AccessSessionId = z.string().regex(/^[A-Za-z0-9_-]{16,64}$/);

/** Of one instance, applied live. */
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
});
export type AccessKey = z.infer<typeof AccessKey>;

/** All keys of one person. It stands on the page of the first instance that it opens, or an earlier one. */
export const KeySet = z.object({ id: KeySetId, keys: z.array(AccessKey).max(MAX_KEYS_OF_SET) });
export type KeySet = z.infer<typeof KeySet>;

/** A set as it arrives: its keys are read one by one (one-by-one.ts). */
export const ArrivedKeySet = KeySet.extend({ keys: z.array(z.unknown()).max(MAX_KEYS_OF_SET) });

/** A gateway of the control plane, for hosts that it cannot reach. */
export const GatewayAddress = z.object({ name: text(64), host: text(256), port: z.int().min(1).max(65_535) });

/** A session that is to end now: the right to it has gone. */
export const Cut = z.object({ sessionId: AccessSessionId, because: text(200) });

/** Open, or ended and not yet confirmed. Times are RFC 3339 labels of the host's wall clock. */
export const AccessSession = z.object({
  sessionId: AccessSessionId,
  instanceId: InstanceId,
  runId: RunId,
  service: z.string().regex(/^[a-z][a-z-]{0,31}$/),
  from: text(64),
  openedAt: z.string().max(40),
  endedAt: z.string().max(40).nullable(),
  bytesIn: z.int().nonnegative(),
  bytesOut: z.int().nonnegative(),
});
