/**
 * What the broker (root) and the relay (nobody) say to each other over Node's channel between parent and child.
 * The broker believes the relay no more than this: it can ask for a way to the service of a lease, by its id, or, as the
 * gateways do, to a port of an instance or to the files process.
 */
import { z } from "zod";
import { InstanceId, LeaseId, RunId } from "@remotegpu/shared/values/ids";
import { LEASE_SERVICES } from "@remotegpu/shared/instance/lease";
import {
  ATTEMPT_OUTCOMES,
  GatewayAddress,
  MAX_GATEWAYS,
  SESSION_ENDS,
  SessionLogin,
} from "@remotegpu/shared/instance/ssh-access";
import { text } from "@remotegpu/shared/values/text";
import { MAX_ADDRESSES, type PasswordTries } from "../../core/access/password-limiter.ts";
import { GatewayIdentity } from "./connections/gateway-identity.ts";

const Port = z.int().min(1).max(65_535);
const DialId = z.int().nonnegative();
const Bytes = z.int().nonnegative();
/** Errors' codes, as Node names them. */
const Code = z.string().max(64);
/** Of the host's wall clock. */
const WallMs = z.int().nonnegative();
/** A sentence for people. */
const Sentence = text(200);
const SessionId = z.string().regex(/^[A-Za-z0-9_-]{16,64}$/);
/** What a container told of a login, by the relay's own end of that connection. */
const ReportedLogin = {
  runId: RunId,
  port: Port,
  isKeysOnly: z.boolean().optional(),
  login: SessionLogin.omit({ at: true }),
};

/** Somebody within a lease, as a whole each time; told once that is worth telling, and last with its end. */
const RelayedSession = z.object({
  sessionId: SessionId,
  leaseId: LeaseId,
  instanceId: InstanceId,
  runId: RunId,
  from: text(64),
  openedWallMs: WallMs,
  bytesIn: Bytes,
  bytesOut: Bytes,
  login: SessionLogin.omit({ at: true }).extend({ wallMs: WallMs }).nullable(),
  ended: z.object({ wallMs: WallMs, by: z.enum(SESSION_ENDS), detail: Sentence }).nullable(),
});
export type RelayedSession = z.infer<typeof RelayedSession>;

/** Connections that came to nothing since this was told last. */
const RelayedAttempts = z.object({
  leaseId: LeaseId,
  from: text(64),
  outcome: z.enum(ATTEMPT_OUTCOMES),
  count: z.int().positive(),
  firstMs: WallMs,
  lastMs: WallMs,
});

const Tries = z.object({ left: z.number().nonnegative(), atMs: z.number().nonnegative() });
/** From where passwords of one lease may be tried; the relay counts, and the broker keeps it over its relays. */
export const StoredTries: z.ZodType<PasswordTries> = z.object({
  strangers: Tries,
  addresses: z
    .array(z.object({ group: text(64), tries: Tries, lastLoginMs: WallMs.nullable() }))
    .max(MAX_ADDRESSES),
});

const MAX_INSTANCES = 1_024;

/** Ways of gateways into one instance. */
const OpenAtInstance = z.object({ instanceId: InstanceId, open: z.int().nonnegative() });
export type OpenAtInstance = z.infer<typeof OpenAtInstance>;

/** Of one message. */
export const MAX_SESSIONS_AT_ONCE = 512;
const MAX_ATTEMPTS_AT_ONCE = 8_192;

/** What relays of every generation hear and say alike. */
export const RelayMessage = {
  book: z.object({
    kind: z.literal("book"),
    sessions: z.array(RelayedSession).max(MAX_SESSIONS_AT_ONCE),
    attempts: z.array(RelayedAttempts).max(MAX_ATTEMPTS_AT_ONCE),
  }),
  /** A login that another relay heard of. */
  login: z.object({ kind: z.literal("login"), ...ReportedLogin }),
  cut: z.object({ kind: z.literal("cut"), sessionId: SessionId, because: Sentence }),
  /** All of SSH into this run of whom no login was told. */
  cutUnknown: z.object({ kind: z.literal("cut-unknown"), runId: RunId, because: Sentence }),
  /** All instances into which no gateway is let any more; what is open there goes on, and is told at once and as it ends. */
  draining: z.object({ kind: z.literal("draining"), instances: z.array(InstanceId).max(MAX_INSTANCES) }),
  streams: z.object({ kind: z.literal("streams"), instances: z.array(OpenAtInstance).max(MAX_INSTANCES) }),
};

export const ToRelay = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("listen"),
    leaseId: LeaseId,
    service: z.enum(LEASE_SERVICES),
    internalPort: Port,
    port: Port,
    address: z.string().nullable(),
    tries: StoredTries.nullable(),
  }),
  z.object({ kind: z.literal("close"), leaseId: LeaseId }),
  /** Opens the TLS port for gateways, or gives one that is open another identity; 0 takes any port. */
  z.object({
    kind: z.literal("open-gateway"),
    port: z.int().min(0).max(65_535),
    address: z.string().nullable(),
    identity: GatewayIdentity,
  }),
  /** All gateways that it is to dial, since they cannot reach this host. */
  z.object({
    kind: z.literal("gateways"),
    gateways: z.array(GatewayAddress).max(MAX_GATEWAYS),
    identity: GatewayIdentity,
  }),
  /** The dialled socket comes with it. */
  z.object({
    kind: z.literal("dialled"),
    dialId: DialId,
    /** With the lease of SSH that is held for that port, where there is one. Null: not into a container. */
    into: z.object({ instanceId: InstanceId, runId: RunId, leaseId: LeaseId.nullable() }).nullable(),
  }),
  z.object({ kind: z.literal("not-dialled"), dialId: DialId }),
  /** The listening socket comes with each of the two; connections come in by it from now on. */
  z.object({
    kind: z.literal("adopt"),
    leaseId: LeaseId,
    service: z.enum(LEASE_SERVICES),
    internalPort: Port,
    port: Port,
    tries: StoredTries.nullable(),
  }),
  z.object({ kind: z.literal("adopt-gateway"), port: Port, identity: GatewayIdentity }),
  /** Shows all listening sockets and goes on as before. */
  z.object({ kind: z.literal("show-listeners") }),
  /** Listens no more; who is connected stays. */
  z.object({ kind: z.literal("retire") }),
  /** The server on which a container tells of logins comes with it; it takes the place of an earlier one. */
  z.object({ kind: z.literal("hear"), runId: RunId }),
  z.object({ kind: z.literal("stop-hearing"), runId: RunId }),
  RelayMessage.login,
  RelayMessage.cut,
  RelayMessage.cutUnknown,
  RelayMessage.draining,
  /** Whoever is told of sessions from now on knows of none. */
  z.object({ kind: z.literal("tell-all") }),
]);
export type ToRelay = z.infer<typeof ToRelay>;

/** What happened on a lease since the last time it was told. */
export const LeaseActivity = z.object({
  leaseId: LeaseId,
  /** A client has sent something that was relayed, or a connection on which one had is still open. */
  isUsed: z.boolean(),
  bytesIn: Bytes,
  bytesOut: Bytes,
});
export type LeaseActivity = z.infer<typeof LeaseActivity>;

export const DialTarget = z.discriminatedUnion("kind", [
  /** `isKeysOnly`: the server of SSH is to count no passwords there. */
  z.object({ kind: z.literal("lease"), leaseId: LeaseId, isKeysOnly: z.boolean() }),
  z.object({ kind: z.literal("instance"), instanceId: InstanceId, port: Port }),
  /** This host's process that serves files of the storage pool. */
  z.object({ kind: z.literal("files") }),
]);
export type DialTarget = z.infer<typeof DialTarget>;

/** Whose dials have a share of their own. */
export function placeOf(target: DialTarget): string {
  switch (target.kind) {
    case "lease":
      return `lease ${target.leaseId}`;
    case "instance":
      return `instance ${target.instanceId}`;
    case "files":
      return "files";
  }
}

export const FromRelay = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("ready") }),
  z.object({ kind: z.literal("listening"), leaseId: LeaseId, port: Port }),
  z.object({ kind: z.literal("not-listening"), leaseId: LeaseId, port: Port, code: Code }),
  z.object({ kind: z.literal("gateway-open"), port: Port }),
  z.object({ kind: z.literal("gateway-not-open"), code: Code }),
  z.object({ kind: z.literal("dial"), dialId: DialId, target: DialTarget }),
  z.object({
    kind: z.literal("activity"),
    leases: z.array(LeaseActivity).max(4096),
    openConnections: z.int().nonnegative(),
  }),
  /** Of leases where they have changed since they were told last. */
  z.object({
    kind: z.literal("tries"),
    leases: z.array(z.object({ leaseId: LeaseId, tries: StoredTries })).max(4096),
  }),
  /** The socket comes with each of the two. */
  z.object({ kind: z.literal("listener"), leaseId: LeaseId, port: Port }),
  z.object({ kind: z.literal("gateway-listener"), port: Port }),
  z.object({ kind: z.literal("listeners-shown") }),
  /** No connection comes in any more; how many there are follows. */
  z.object({ kind: z.literal("retired") }),
  RelayMessage.book,
  RelayMessage.streams,
  /** On a connection that this relay does not have: another one may. */
  z.object({ kind: z.literal("login-elsewhere"), ...ReportedLogin }),
  /** This container tells too much; its server is closed. */
  z.object({ kind: z.literal("deaf"), runId: RunId }),
]);
export type FromRelay = z.infer<typeof FromRelay>;
