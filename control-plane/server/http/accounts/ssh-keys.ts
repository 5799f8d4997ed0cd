/** A customer's SSH public keys. They are the person's own: not even a workspace's owner sees another's. */
import { createRoute, z } from "@hono/zod-openapi";
import { displayText, text } from "@remotegpu/shared/values/text";
import {
  deleteSshKey,
  hasRoomForSshKey,
  insertSshKey,
  MAX_SSH_KEYS,
  renameSshKey,
  sshKeyById,
  sshKeysOf,
  type SshKeyRow,
} from "../../store/accounts/ssh-keys.ts";
import type { ApiApp, ApiContext, ApiDeps } from "../deps.ts";
import { changeEntry, changeEntryOnce } from "../environments/entry-change.ts";
import { badField, conflict } from "../request/refusal.ts";
import { NUMBERED, ownOrSeen, registerResource } from "../request/resource.ts";
import { created, forCustomers, jsonBody, NumericIdPath, ok, Timestamp } from "../request/route.ts";
import { readSshPublicKey } from "../environments/ssh-public-key.ts";

const tags = ["ssh keys"];
const MAX_KEY_LENGTH = 8_192;

const SshKey = z
  .object({
    id: z.int(),
    name: z.string(),
    public_key: z.string(),
    fingerprint: z.string().openapi({
      description: "Its SHA-256, as ssh-keygen shows it",
      example: "SHA256:pyVYyr4dUsGnbNLYg6JVQYzQJ9yMxsGQ3vdJ1zTt1nQ",
    }),
    created_at: Timestamp,
  })
  .openapi("SshKey");

const post = createRoute({
  ...forCustomers,
  method: "post",
  path: "/ssh-keys",
  tags,
  summary: `Add a public key; ${MAX_SSH_KEYS} at most`,
  request: {
    body: jsonBody(
      z.strictObject({ name: displayText(128), public_key: text(MAX_KEY_LENGTH) }).openapi("NewSshKey"),
    ),
  },
  responses: created("The key", SshKey),
});

const patch = createRoute({
  ...forCustomers,
  method: "patch",
  path: "/ssh-keys/{id}",
  tags,
  summary: "Rename a key",
  request: {
    params: NumericIdPath,
    body: jsonBody(z.strictObject({ name: displayText(128).optional() }).openapi("SshKeyChange")),
  },
  responses: ok("The key", SshKey),
});

export function registerSshKeyRoutes(api: ApiApp, deps: ApiDeps): void {
  const { db } = deps;

  api.openapi(post, async (c) => {
    const body = c.req.valid("json");
    const key = readSshPublicKey(body.public_key);
    if (!key.valid) throw badField("public_key", key.why);
    const { customerId } = c.var.actor;
    return await changeEntryOnce(c, { customerId }, async (sql) => {
      if (!(await hasRoomForSshKey(sql, customerId)))
        throw conflict({ code: "ssh-keys-too-many", params: { max_keys: MAX_SSH_KEYS } });
      const row = await insertSshKey(sql, {
        customerId,
        name: body.name,
        publicKey: key.line,
        fingerprint: key.fingerprint,
        now: deps.now(),
      });
      if (row === null) throw conflict({ code: "ssh-key-known", params: { fingerprint: key.fingerprint } });
      return c.json(sshKeyAnswer(row), 201);
    });
  });

  registerResource(api, {
    path: "/ssh-keys",
    tags,
    ids: NUMBERED,
    Answer: SshKey,
    answer: sshKeyAnswer,
    list: {
      summary: "Your keys",
      answers: "A page of keys",
      rows: (c, page) => sshKeysOf(db, c.var.actor.customerId, page),
    },
    get: { summary: "One key", answers: "The key", find: requireKey },
    remove: {
      summary: "Remove a key",
      answers:
        "It opens nothing any more. What somebody left inside is not undone: restart an environment that they should not come back to",
      async end(c, id) {
        const key = await requireKey(c, id);
        await changeEntry(c, { customerId: key.customer_id }, (sql) => deleteSshKey(sql, key.id));
      },
    },
  });

  api.openapi(patch, async (c) => {
    const key = await requireKey(c, c.req.valid("param").id);
    const { name = key.name } = c.req.valid("json");
    await renameSshKey(c.var.deps.db, key.id, name);
    return c.json(sshKeyAnswer({ ...key, name }), 200);
  });
}

async function requireKey(c: ApiContext, id: number): Promise<SshKeyRow> {
  const row = await sshKeyById(c.var.deps.db, id);
  return ownOrSeen(c, row, {
    thing: { code: "named-ssh-key", params: { key_id: id } },
    subject: `ssh key ${id}`,
  });
}

function sshKeyAnswer({ customer_id: _owner, ...row }: SshKeyRow) {
  return { ...row, created_at: row.created_at.toISOString() };
}
