/** What a relay tells whoever leads it, and what it is asked for in the words of those. */
import type { Socket } from "node:net";
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import type { LeaseId, RunId } from "@remotegpu/shared/values/ids";
import type { PasswordTries } from "../../core/access/password-limiter.ts";
import type { BindOutcome } from "../../core/leases/lease.ts";
import { DialError } from "../../host/inside/dial.ts";
import type { ListenerHandle } from "../relay/listener-handle.ts";
import type { DialTarget, FromRelay, LeaseActivity, OpenAtInstance } from "../relay/relay-messages.ts";
import type { Route } from "../relay/connections/visit.ts";

export type RelayHandlers = {
  /** A fresh one: no port is bound. */
  onUp: () => void;
  onDown: () => void;
  onActivity: (leases: LeaseActivity[], openConnections: number) => void;
  onSessions: (book: Extract<FromRelay, { kind: "book" }>) => void;
  /** What gateways have open to instances that drain, of each of them. */
  onStreams: (instances: OpenAtInstance[]) => void;
  /** A login was told on a connection that it does not have. */
  onLoginElsewhere: (reported: Extract<FromRelay, { kind: "login-elsewhere" }>) => void;
  /** From where passwords may be tried has changed. */
  onTries: (leases: Extract<FromRelay, { kind: "tries" }>["leases"]) => void;
  /** As it was told last; null: nothing was. */
  triesOf: (leaseId: LeaseId) => PasswordTries | null;
  /** It hears nothing more of this run's logins. */
  onDeaf: (runId: RunId) => void;
  /** It listens no more. */
  onRetired: () => void;
  /** @throws DialError */
  dial: (target: DialTarget) => Promise<Dialled>;
  /** Null: it could not be opened, or its relay has ended. */
  onGateway: (port: number | null) => void;
};

/** A port that the relay listens on, with a copy of its socket that has to be handed on or closed. */
export type Listener = {
  /** Null: the TLS port for gateways. */
  leaseId: LeaseId | null;
  port: number;
  handle: ListenerHandle;
};

/** The relay did not do what it was asked for. */
export class RelayError extends Error {
  override name = "RelayError";
}

/** A way into a container, and into which, with the lease by which SSH leads there; null for one that leads into none. */
export type Dialled = {
  socket: Socket;
  into: (Pick<Route, "instanceId" | "runId"> & { leaseId: LeaseId | null }) | null;
};

/** Hears of nothing. */
export const NO_HANDLERS: RelayHandlers = {
  onUp: () => undefined,
  onDown: () => undefined,
  onActivity: () => undefined,
  onSessions: () => undefined,
  onStreams: () => undefined,
  onLoginElsewhere: () => undefined,
  onDeaf: () => undefined,
  onTries: () => undefined,
  triesOf: () => null,
  onRetired: () => undefined,
  onGateway: () => undefined,
  dial: () => Promise.reject(new DialError("nobody leads this relay yet")),
};

/** Of a port that could not be bound. @param code of the system's error */
export function outcomeOf(code: string): BindOutcome {
  if (code === "EADDRINUSE") return { kind: "taken" };
  return {
    kind: "failed",
    reason: REASONS[code] ?? { code: "lease-not-bindable", params: { error_code: code } },
  };
}

const REASONS: Readonly<Record<string, HostReason>> = {
  EADDRNOTAVAIL: { code: "lease-address-foreign", params: {} },
  EACCES: { code: "lease-port-privileged", params: {} },
  EMFILE: { code: "lease-files-too-many", params: {} },
};
