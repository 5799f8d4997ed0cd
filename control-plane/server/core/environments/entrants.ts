/**
 * Who may enter an environment by SSH with keys of their own: whoever may manage it by the rights table
 * (accounts/access-rights.ts). That somebody administers the whole product opens nothing here.
 */
import { MAX_KEY_LINE, MAX_SETS_OF_INSTANCE } from "@remotegpu/shared/instance/ssh-access";
import { decide, type WorkspaceRole } from "../accounts/access-rights.ts";

export interface Enterable {
  customerId: number;
  /** Null outside every workspace, and in one that is gone: then it is its customer's alone. */
  workspaceId: number | null;
}

/** Somebody's active role in a workspace. */
export interface Member {
  workspaceId: number;
  customerId: number;
  role: WorkspaceRole;
}

/** Its customer first, then the others by their ids. */
export function entrantsOf(environment: Enterable, membersOfWorkspace: readonly Member[]): number[] {
  const { customerId, workspaceId } = environment;
  if (workspaceId === null) return [customerId];
  return membersOfWorkspace
    .filter((member) => {
      const accessRole = { isAdmin: false, role: member.role, isOwn: member.customerId === customerId };
      return decide("manage-workload", accessRole) === "allowed";
    })
    .map((member) => member.customerId)
    .sort((a, b) => Number(b === customerId) - Number(a === customerId) || a - b);
}

/** One set a person, whichever environments it opens. */
export function keySetId(customerId: number): string {
  return `c-${customerId}`;
}

/** As people are told whose it is, in the words of events. */
export function personOfSet(setId: string): string {
  return setId.replace(/^c-/, "customer ");
}

/** The sets of those who have keys, in their order; of more than a host can be told the later ones are left out. */
export function keySetIds(people: readonly number[], hasKeys: (customerId: number) => boolean): string[] {
  return people.filter(hasKeys).slice(0, MAX_SETS_OF_INSTANCE).map(keySetId);
}

const TYPE_AND_BODY = /^([a-z0-9][a-z0-9@.-]*) +([A-Za-z0-9+/]+={0,2})(?: |$)/;

/** Type and body of a key without its comment; null for anything else, which no server is to be told. */
export function keyLine(publicKey: string): string | null {
  const [, type, body] = TYPE_AND_BODY.exec(publicKey) ?? [];
  const line = `${type} ${body}`;
  return body === undefined || line.length > MAX_KEY_LINE ? null : line;
}
