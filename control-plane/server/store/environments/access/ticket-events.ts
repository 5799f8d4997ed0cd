/** What people of an environment read of tickets for it. */
import type { Connection } from "../../database/database.ts";
import { appendEvent } from "../../events/events.ts";
import type { SshTicketRow } from "./ssh-tickets.ts";

export async function noteTicket(
  sql: Connection,
  ticket: SshTicketRow,
  { old, actor, now }: { old: "open" | null; actor: string; now: Date },
): Promise<void> {
  const by = `administrator ${ticket.customer_id}`;
  await appendEvent(sql, {
    at: now,
    kind: "ssh-ticket",
    workloadKind: "environment",
    workloadId: ticket.env_id,
    actor,
    old,
    new: old === null ? "open" : "ended",
    reason:
      old === null
        ? {
            code: "ssh-ticket-opened",
            params: {
              until: ticket.expires_at.toISOString(),
              by,
              fingerprint: ticket.fingerprint,
              purpose: ticket.reason,
            },
          }
        : { code: "ssh-ticket-ended", params: { by, purpose: ticket.reason } },
  });
}
