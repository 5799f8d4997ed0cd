/**
 * Tickets: the only way by which an administrator of the product enters what belongs to others. One key for a few
 * minutes, with a reason that the environment's people see. Hosts hold to its end by themselves.
 */
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";

export const TICKET_MINUTES = 15;
/** The open tickets of one environment at a time. */
export const MAX_OPEN_TICKETS = 8;

/** A set of its own, so that it goes without touching anybody's. */
export function ticketSetId(ticketId: number): string {
  return `t-${ticketId}`;
}

export function ticketEnd(madeAt: Date): Date {
  return new Date(madeAt.getTime() + TICKET_MINUTES * MS_PER_MINUTE);
}
