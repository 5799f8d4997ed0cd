/**
 * Who may ask an inference service: whoever presents one of the service's own keys, and with a key of the API that orders
 * those who work in its workspace. What a request costs is its owner's: it holds a replica, drives the autoscaling, and may
 * wake a service from zero, which is left to the service's own keys and to who may manage it.
 */
import { decide, type WorkspaceRole } from "../../accounts/access-rights.ts";
import { type KeyRights, scopeRefusal } from "../../accounts/key-scopes.ts";
import type { RefusalKind } from "../admission.ts";
import type { KeyLimits } from "./key-limits.ts";
import { reasonOf } from "../../reasons/plain-reason.ts";
import type { Reason } from "../../reasons/reason.ts";

/** How a key stands to a service, as the database says. */
export type KeyState =
  /** One of the service's own. */
  | { kind: "service"; name: string; limits: KeyLimits | null }
  /** A person whose account is active. */
  | { kind: "person"; username: string; rights: KeyRights; role: WorkspaceRole | null; isOwn: boolean };

export type CallRight =
  /** Limits are null where the key has none of its own. */
  | {
      allowed: true;
      /** By which it is counted and told to replicas. */
      keyName: string;
      /** Whose the key is: names of both kinds are chosen freely, and may be the same. */
      of: KeyState["kind"];
      limits: KeyLimits | null;
      /** A service without replicas is started for it. */
      wakes: boolean;
    }
  | { allowed: false; kind: Extract<RefusalKind, "no-entry" | "no-right" | "not-found">; reason: Reason };

/**
 * The limits of each person at each service. A service's own keys, whose limits its manager chooses, are for programs
 * of many users; a person's key tries things out, and one that was lost must not hold all replicas.
 */
export const PERSON_LIMITS: KeyLimits = { requestsPerMinute: 600, maxInFlight: 32, tokensPerDay: null };

/** How the names of persons' keys begin, and no name of a service's own key: what one uses up is not the other's. */
export const OF_PERSON = "user:";

/** @param standing null for a key that opens nothing, or not here */
export function callRight(state: KeyState | null): CallRight {
  if (state === null) return { allowed: false, kind: "no-entry", reason: reasonOf("service-key-unknown") };
  if (state.kind === "service")
    return {
      allowed: true,
      keyName: state.name,
      of: "service",
      limits: state.limits,
      wakes: true,
    };
  const { username, rights, role, isOwn } = state;
  const refusal = scopeRefusal(rights, "orders");
  if (refusal !== null) return { allowed: false, kind: "no-right", reason: reasonOf(refusal) };
  const person = { isAdmin: false, role, isOwn };
  switch (decide("ask-service", person)) {
    case "allowed":
      return {
        allowed: true,
        keyName: `${OF_PERSON}${username}`,
        of: "person",
        limits: PERSON_LIMITS,
        wakes: decide("manage-workload", person) === "allowed",
      };
    case "hidden":
      return { allowed: false, kind: "not-found", reason: reasonOf("nothing-visible-here") };
    case "forbidden":
      return { allowed: false, kind: "no-right", reason: reasonOf("role-without-service") };
  }
}
