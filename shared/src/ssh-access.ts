/**
 * Who may enter instances of a host by SSH and through the gateway, as both sides speak of it: key sets by reference,
 * host key and password of an instance, gateways, sessions, and those that are to be cut. Each part has its feature, and
 * agents without it ignore the part.
 */
import { z } from "zod";
import { InstanceId, RunId } from "./ids.ts";
import { text } from "./text.ts";
import { KIB } from "./units.ts";

const MAX_KEYS_OF_SET = 64;
export const MAX_KEY_SETS = 256;
export const MAX_GATEWAYS = 64;
export const MAX_CUTS = 1_024;
export const MAX_SESSIONS = 1_024;

const KeySetId = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/);
const AccessSessionId = z.string().regex(/^[A-Za-z0-9_-]{16,64}$/);

/** Of one instance, applied live. */
export const SshAccess = z.object({
  /** Whose keys open it, by the sets of the same page or an earlier one; null: nobody's. */
  keySet: KeySetId.nullable(),
  /** The private key of its server; absent: the host makes one. */
  hostKey: text(8 * KIB).optional(),
  /** As crypt(3) writes it; null: no password opens it. */
  passwordHash: text(256).nullable().optional(),
});

/** Public keys as lines of an authorized_keys file. */
export const KeySet = z.object({ id: KeySetId, keys: z.array(text(16 * KIB)).max(MAX_KEYS_OF_SET) });

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
