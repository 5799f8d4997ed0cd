/**
 * How many invitations may be open, and sent in a day, so that nobody is pestered and no list of addresses is tried.
 * Only what was asked is counted, never what came of it: a count would tell who exists, or who declined.
 */
import { MS_PER_DAY } from "@remotegpu/shared/values/units";

export const INVITATION_LIFETIME_MS = 14 * MS_PER_DAY;
export const MAX_OPEN_OF_WORKSPACE = 50;
/** In all workspaces together. */
export const MAX_OPEN_OF_INVITER = 100;
/** In any 24 hours, with those that were withdrawn since. */
export const MAX_A_DAY_OF_INVITER = 30;

export interface InvitationCounts {
  openOfWorkspace: number;
  openOfInviter: number;
  lastDayOfInviter: number;
}

export type InvitationBound = "open-of-workspace" | "open-of-inviter" | "day-of-inviter";

/** The bound at which one more would be too many; null where there is room. */
export function invitationBound(counts: InvitationCounts): InvitationBound | null {
  if (counts.openOfWorkspace >= MAX_OPEN_OF_WORKSPACE) return "open-of-workspace";
  if (counts.openOfInviter >= MAX_OPEN_OF_INVITER) return "open-of-inviter";
  if (counts.lastDayOfInviter >= MAX_A_DAY_OF_INVITER) return "day-of-inviter";
  return null;
}
