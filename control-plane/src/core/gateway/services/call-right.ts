/**
 * Who may ask an inference service: whoever shows one of the service's own keys, and with a key of the API those who may
 * see it.
 */
import { decide, type WorkspaceRole } from "../../accounts/access-rights.ts";
import { type KeyRights, scopeRefusal } from "../../accounts/key-scopes.ts";
import type { RefusalKind } from "../admission.ts";
import type { KeyLimits } from "./key-limits.ts";

/** How a key stands to a service, as the database says. */
export type KeyStanding =
  /** One of the service's own. */
  | { kind: "service"; name: string; limits: KeyLimits | null }
  /** Of a person whose account is active. */
  | { kind: "person"; username: string; rights: KeyRights; role: WorkspaceRole | null; isOwn: boolean };

export type CallRight =
  /** Limits are null where the key has none of its own. */
  | { allowed: true; keyName: string; limits: KeyLimits | null }
  | { allowed: false; kind: Extract<RefusalKind, "no-entry" | "no-right" | "not-found">; sentence: string };

/** @param standing null for a key that opens nothing, or not here */
export function callRight(standing: KeyStanding | null): CallRight {
  if (standing === null)
    return { allowed: false, kind: "no-entry", sentence: "This key is not known here, or it was revoked." };
  if (standing.kind === "service") return { allowed: true, keyName: standing.name, limits: standing.limits };
  const { username, rights, role, isOwn } = standing;
  const refusal = scopeRefusal(rights, "read");
  if (refusal !== null) return { allowed: false, kind: "no-right", sentence: refusal };
  switch (decide("read-workload", { isAdmin: false, role, isOwn })) {
    case "allowed":
      return { allowed: true, keyName: username, limits: null };
    case "hidden":
      return { allowed: false, kind: "not-found", sentence: "There is nothing here that you can see." };
    case "forbidden":
      return { allowed: false, kind: "no-right", sentence: "Your role does not let you ask this service." };
  }
}
