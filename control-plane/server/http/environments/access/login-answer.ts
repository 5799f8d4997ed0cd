/**
 * A login as it is shown: told by the container, so whoever is root there can make it say what it likes; of a terminal in
 * the browser by the gateway, which knows who came in.
 */
import { z } from "@hono/zod-openapi";
import { LEASE_SERVICES } from "@remotegpu/shared/instance/lease";
import type { LoginColumns } from "../../../store/environments/access/access-log.ts";
import { iso, Timestamp } from "../../request/route.ts";

export const SESSION_SERVICES = [...LEASE_SERVICES, "terminal"] as const;

export const AccessLogin = z
  .object({
    method: z.enum(["publickey", "password", "other", "browser"]).openapi({
      description: "How it logged in; browser: at a terminal's page",
    }),
    at: Timestamp.nullable().describe("When it logged in"),
    key_fingerprint: z.string().nullable().openapi({
      description: "Of the key, as ssh-keygen -l prints it; null without one",
      example: "SHA256:T7Jq0cFJ0dUEd0DrhgT7Vv9TTLyZE2xUuPoYBG3oZFQ",
    }),
    customer_id: z.int().nullable().openapi({
      description: "Whose key it was, of those who might enter; null: nobody's of them",
      example: 43,
    }),
    username: z.string().nullable().openapi({ description: "The same by name", example: "ada" }),
    key_name: z.string().nullable().openapi({
      description: "What the key was called, where it is your own",
      example: "laptop",
    }),
    ticket_id: z.int().nullable().openapi({
      description: "The administrator's ticket that it came by; null: by none",
      example: 4712,
    }),
    told_by: z.enum(["container", "gateway"]).openapi({
      description:
        "The container reports it, so whoever is root there can make it up; of a terminal the gateway",
    }),
  })
  .openapi("AccessLogin");

/** Null where none was told. What a key is called is its owner's own affair: by custom it says whose it is and where. */
export function loginAnswer(row: LoginColumns, reader: number): z.input<typeof AccessLogin> | null {
  if (row.login_method === null) return null;
  return {
    method: row.login_method,
    at: iso(row.login_at),
    key_fingerprint: row.key_fingerprint,
    customer_id: row.key_customer_id,
    username: row.key_username,
    key_name: row.key_customer_id === reader ? row.key_name : null,
    ticket_id: row.key_ticket_id,
    told_by: row.login_method === "browser" ? "gateway" : "container",
  };
}
