/**
 * Whether somebody comes in to a service or port of an environment now: by the rights table, by what the environment is
 * doing, and by what its order switched on. Knows no request and no host beyond its name.
 */
import type { HostId, InstanceId } from "@remotegpu/shared/values/ids";
import type { ServiceAnswers } from "@remotegpu/shared/instance/instance";
import type { EnvironmentStatus } from "@remotegpu/shared/values/workload";
import { decide, type WorkspaceRole } from "../accounts/access-rights.ts";
import { type KeyRights, scopeRefusal } from "../accounts/key-scopes.ts";
import { type WebSwitches, whyUnreachable } from "../environments/web-access.ts";
import { type GatewayTarget, isRelayed, targetText } from "../environments/web-target.ts";
import { type GivenReason, reasonOf } from "../reasons/plain-reason.ts";
import type { Reason } from "../reasons/reason.ts";

/** How an entry stands to an environment, as the database says. Null: it is gone, ended or never was. */
export interface EntryState {
  /** The rights of the key, with its account active. */
  keyRights: KeyRights | null;
  share: { target: string } | null;
  /** Whose right it is: of the key's holder, or of whoever made the share. */
  person: { role: WorkspaceRole | null; isOwn: boolean } | null;
  environment: PlacedEnvironment | null;
}

export interface PlacedEnvironment {
  id: string;
  name: string;
  status: EnvironmentStatus;
  statusReason: Reason | null;
  /** Whether whoever comes to it may start it, and since when it does not run; null where it never ran. */
  wakes: boolean;
  stoppedAt: Date | null;
  switches: WebSwitches;
  /** What its image brings, in words; null where nobody could look. */
  brings: readonly string[] | null;
  /** Which of its services answer, as its host told it last; null where nothing is known. */
  services: ServiceAnswers | null;
  /** Where it is to run; null while it is placed nowhere, or is to stop. */
  place: { hostId: HostId; hostName: string; instanceId: InstanceId; epoch: number } | null;
}

export type RefusalKind =
  /** What was shown opens nothing, or not any more. */
  "no-entry" | "no-right" | "not-found" | "starting" | "stopped" | "not-there";

export type Admission =
  | {
      admitted: true;
      environment: PlacedEnvironment & { place: NonNullable<PlacedEnvironment["place"]> };
    }
  | {
      admitted: false;
      kind: RefusalKind;
      reason: Reason;
      /** What does not run and might, told to whoever may enter it. */
      sleeper?: PlacedEnvironment;
    };

const refused = (kind: RefusalKind, reason: GivenReason): Admission => ({
  admitted: false,
  kind,
  reason: reasonOf(reason),
});

export function admit(state: EntryState, by: "person" | "share", target: GatewayTarget): Admission {
  const { keyRights, share, person, environment } = state;
  if (by === "person") {
    if (keyRights === null || person === null) return refused("no-entry", "entry-key-unknown");
    const refusal = scopeRefusal(keyRights, "orders");
    if (refusal !== null) return refused("no-right", refusal);
  } else if (share === null || person === null || isRelayed(target) || share.target !== targetText(target)) {
    return refused("no-entry", "share-link-ended");
  }
  if (environment === null) return refused("not-found", "nothing-visible-here");
  switch (decide("manage-workload", { isAdmin: false, ...person })) {
    case "hidden":
      return by === "share"
        ? refused("no-entry", "share-maker-without-right")
        : refused("not-found", "nothing-visible-here");
    case "forbidden":
      return by === "share"
        ? refused("no-entry", "share-maker-without-right")
        : refused("no-right", "role-without-entry");
    case "allowed":
      return enter(environment, target);
  }
}

function enter(environment: PlacedEnvironment, target: GatewayTarget): Admission {
  const why = whyUnreachable(environment, target);
  if (why !== null)
    return why.kind === "not-there"
      ? refused(why.kind, why.reason)
      : { admitted: false, kind: why.kind, reason: why.reason, sleeper: environment };
  const { place } = environment;
  if (place === null)
    return {
      admitted: false,
      kind: "starting",
      reason: reasonOf("environment-still-starting"),
      sleeper: environment,
    };
  return { admitted: true, environment: { ...environment, place } };
}
