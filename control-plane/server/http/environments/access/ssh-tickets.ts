/**
 * The way in for an administrator of the product: a ticket, which opens one environment to one key for some minutes, with
 * a reason that the environment's people read. There is no other.
 */
import { createRoute, z } from "@hono/zod-openapi";
import { displayText, text } from "@remotegpu/shared/values/text";
import { MAX_OPEN_TICKETS, TICKET_MINUTES, ticketEnd } from "../../../core/environments/access/ssh-ticket.ts";
import { keyLine } from "../../../core/environments/entrants.ts";
import { sshDoor } from "../../../core/leases/ssh-server.ts";
import type { Transaction } from "../../../store/database/database.ts";
import {
  endTicket,
  insertTicket,
  openTicketKeys,
  type SshTicketRow,
  ticketsOf,
} from "../../../store/environments/access/ssh-tickets.ts";
import { noteTicket } from "../../../store/environments/access/ticket-events.ts";
import type { EnvironmentRow } from "../../../store/environments/environments.ts";
import { servedEnvironments } from "../../../store/environments/served-environments.ts";
import { readSshPublicKey } from "../ssh-public-key.ts";
import type { ApiApp, ApiContext, ApiDeps } from "../../deps.ts";
import { badField, conflict, notFound } from "../../request/refusal.ts";
import {
  created,
  forAdmins,
  iso,
  jsonBody,
  NumericId,
  Timestamp,
  WorkloadIdPath,
} from "../../request/route.ts";
import { type NamedEntry, registerEntryResource } from "../../workloads/entry-resource.ts";
import { orderContextOf } from "../../workloads/orders.ts";
import { changeEntry, changeEntryOnce } from "../entry-change.ts";
import { environmentFor } from "../environment-access.ts";
import { ENVIRONMENTS } from "../environment-kind.ts";
import { statusPhrase } from "../../../core/reasons/plain-reason.ts";
import { workloadThing } from "../../workloads/workload-thing.ts";

const tags = ["environments"];
const MAX_KEY_LENGTH = 8_192;
const MAX_REASON_LENGTH = 500;

const SshTicket = z
  .object({
    id: z.int().openapi({ description: "Its id", example: 4712 }),
    environment_id: z.string().openapi({ description: "What it opens", example: "env-5b1f6c0e" }),
    made_by: z.string().openapi({ description: "Which administrator", example: "admin 1" }),
    key_fingerprint: z.string().openapi({
      description: "Of the only key that it lets in",
      example: "SHA256:T7Jq0cFJ0dUEd0DrhgT7Vv9TTLyZE2xUuPoYBG3oZFQ",
    }),
    reason: z.string().openapi({
      description: "What for",
      example: "The customer wrote that the training hangs.",
    }),
    made_at: Timestamp,
    expires_at: Timestamp.describe("Then it opens no more, and its sessions are ended"),
    ended_at: Timestamp.nullable().describe("When it ended; null: it is open"),
    ended_by: z.string().nullable(),
  })
  .openapi("SshTicket");

const post = createRoute({
  ...forAdmins,
  method: "post",
  path: "/environments/{id}/ssh-tickets",
  operationId: "createEnvironmentSshTicket",
  tags,
  summary: `Let a key in by SSH for ${TICKET_MINUTES} minutes, with a reason; for administrators`,
  description:
    "The environment's people see who and why among its events, and the ticket in its list. Sessions by it are ended when it ends.",
  request: {
    params: WorkloadIdPath,
    body: jsonBody(
      z
        .strictObject({
          public_key: text(MAX_KEY_LENGTH).openapi({
            description: "As a line of a .pub file",
            example: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJoZCWxF1zTnH1wqbWFL1RrEYJ9Br+Upyrxx40Fo5MGc",
          }),
          reason: displayText(MAX_REASON_LENGTH).openapi({
            description: "What for; the environment's people read it",
            example: "The customer wrote that it hangs.",
          }),
        })
        .openapi("NewSshTicket"),
    ),
  },
  responses: created("The ticket", SshTicket),
});

export function registerSshTicketRoutes(api: ApiApp, { db }: ApiDeps): void {
  api.openapi(post, async (c) => {
    const environment = await environmentFor(c, c.req.valid("param").id, "manage-workload");
    const body = c.req.valid("json");
    const key = readSshPublicKey(body.public_key);
    if (!key.valid) throw badField("public_key", key.why);
    const line = keyLine(key.line);
    if (line === null) throw badField("public_key", "ssh-key-opens-nothing");
    const { id: environmentId } = environment;
    return await changeEntryOnce(c, { environmentId }, async (sql) => {
      await refuseUnlessOpen(sql, environment);
      await refuseFurther(sql, environmentId, key.fingerprint);
      const { actor, now } = orderContextOf(c);
      const ticket = await insertTicket(sql, {
        environmentId,
        customerId: c.var.actor.customerId,
        line,
        fingerprint: key.fingerprint,
        reason: body.reason,
        now,
        expiresAt: ticketEnd(now),
      });
      await noteTicket(sql, ticket, { old: null, actor, now });
      return c.json(ticketAnswer(ticket), 201);
    });
  });

  registerEntryResource(api, {
    kind: ENVIRONMENTS,
    path: "ssh-tickets",
    one: {
      path: "{ticket_id}",
      params: WorkloadIdPath.extend({ ticket_id: NumericId }).transform(({ id, ticket_id }) => ({
        workloadId: id,
        id: ticket_id,
      })),
    },
    tags,
    Answer: SshTicket,
    answer: ticketAnswer,
    list: {
      operationId: "listEnvironmentSshTickets",
      summary: "Tickets by which administrators may or might enter it, newest first",
      answers: "A page of tickets",
      rows: (_c, environmentId, page) => ticketsOf(db, environmentId, page),
    },
    remove: {
      operationId: "endEnvironmentSshTicket",
      summary: "End a ticket before its time; for administrators and for who may manage the environment",
      end: endOpenTicket,
    },
  });
}

async function endOpenTicket(c: ApiContext, { workloadId: environmentId, id }: NamedEntry): Promise<void> {
  await changeEntry(c, { environmentId }, async (sql) => {
    const { actor, now } = orderContextOf(c);
    const ended = await endTicket(sql, { environmentId, id, actor, now });
    if (ended !== null) return await noteTicket(sql, ended, { old: "open", actor, now });
    const [known] = await ticketsOf(sql, environmentId, { limit: 1, after: id + 1 });
    if (known?.id !== id)
      throw notFound({
        code: "named-ssh-ticket",
        params: { ticket_id: id, environment: workloadThing("environment", environmentId) },
      });
  });
}

/** @throws ApiRefusal where no server of ours would know the key now */
async function refuseUnlessOpen(sql: Transaction, environment: EnvironmentRow): Promise<void> {
  switch (sshDoor(environment)) {
    case "open":
      break;
    case "closed":
    case "none":
      throw conflict("ssh-ticket-unusable");
  }
  const [served] = await servedEnvironments(sql, { environmentIds: [environment.id] });
  if (served === undefined)
    throw conflict({ code: "ssh-ticket-needs-host", params: { status: statusPhrase(environment.status) } });
}

async function refuseFurther(sql: Transaction, environmentId: string, fingerprint: string): Promise<void> {
  const open = await openTicketKeys(sql, environmentId);
  if (open.includes(fingerprint)) throw conflict({ code: "ssh-ticket-open", params: { fingerprint } });
  if (open.length >= MAX_OPEN_TICKETS)
    throw conflict({ code: "ssh-tickets-too-many", params: { max_tickets: MAX_OPEN_TICKETS } });
}

function ticketAnswer(row: SshTicketRow): z.input<typeof SshTicket> {
  return {
    id: row.id,
    environment_id: row.env_id,
    made_by: `admin ${row.customer_id}`,
    key_fingerprint: row.fingerprint,
    reason: row.reason,
    made_at: row.made_at.toISOString(),
    expires_at: row.expires_at.toISOString(),
    ended_at: iso(row.ended_at),
    ended_by: row.ended_by,
  };
}
