/** A customer's SSH public keys. They are the person's own: not even a workspace's owner sees another's. */
import { createRoute, z } from "@hono/zod-openapi";
import { displayText, text } from "@remotegpu/shared/text";
import {
  deleteSshKey,
  insertSshKey,
  renameSshKey,
  sshKeyById,
  sshKeysOf,
  type SshKeyRow,
} from "../../store/accounts/ssh-keys.ts";
import { actingOn } from "../request/audit.ts";
import type { ApiApp, ApiContext, ApiDeps } from "../deps.ts";
import { once } from "../request/idempotency.ts";
import { numericPage, pageOf, PageQuery, toPage } from "../request/pagination.ts";
import { badField, conflict, notFound } from "../request/refusal.ts";
import {
  created,
  forCustomers,
  jsonBody,
  noContent,
  NumericIdPath,
  ok,
  Timestamp,
} from "../request/route.ts";
import { readSshPublicKey } from "./ssh-public-key.ts";

const tags = ["ssh keys"];
const params = NumericIdPath;
const MAX_KEY_LENGTH = 8_192;

const SshKey = z
  .object({
    id: z.int(),
    name: z.string(),
    public_key: z.string(),
    fingerprint: z.string(),
    created_at: Timestamp,
  })
  .openapi("SshKey");

const post = createRoute({
  ...forCustomers,
  method: "post",
  path: "/ssh-keys",
  tags,
  summary: "Add a public key",
  request: {
    body: jsonBody(
      z.strictObject({ name: displayText(128), public_key: text(MAX_KEY_LENGTH) }).openapi("NewSshKey"),
    ),
  },
  responses: created("The key", SshKey),
});

const list = createRoute({
  ...forCustomers,
  method: "get",
  path: "/ssh-keys",
  tags,
  summary: "Your keys",
  request: { query: PageQuery },
  responses: ok("A page of keys", pageOf(SshKey)),
});

const get = createRoute({
  ...forCustomers,
  method: "get",
  path: "/ssh-keys/{id}",
  tags,
  summary: "One key",
  request: { params },
  responses: ok("The key", SshKey),
});

const patch = createRoute({
  ...forCustomers,
  method: "patch",
  path: "/ssh-keys/{id}",
  tags,
  summary: "Rename a key",
  request: {
    params,
    body: jsonBody(z.strictObject({ name: displayText(128).optional() }).openapi("SshKeyChange")),
  },
  responses: ok("The key", SshKey),
});

const remove = createRoute({
  ...forCustomers,
  method: "delete",
  path: "/ssh-keys/{id}",
  tags,
  summary: "Remove a key",
  request: { params },
  responses: noContent("It is gone"),
});

export function registerSshKeyRoutes(api: ApiApp, deps: ApiDeps): void {
  const { db } = deps;

  api.openapi(post, async (c) => {
    const body = c.req.valid("json");
    const key = readSshPublicKey(body.public_key);
    if (!key.valid) throw badField("public_key", key.why);
    return await once(c, async (sql) => {
      const row = await insertSshKey(sql, {
        customerId: c.var.actor.customerId,
        name: body.name,
        publicKey: key.line,
        fingerprint: key.fingerprint,
        now: deps.now(),
      });
      if (row === null) throw conflict(`The key ${key.fingerprint} is there already.`);
      return c.json(sshKeyAnswer(row), 201);
    });
  });

  api.openapi(list, async (c) => {
    const page = numericPage(c.req.valid("query"));
    const rows = await sshKeysOf(db, c.var.actor.customerId, page);
    return c.json(toPage(rows, page.limit, { item: sshKeyAnswer, key: (row) => [row.id] }), 200);
  });

  api.openapi(get, async (c) => c.json(sshKeyAnswer(await requireKey(c, c.req.valid("param").id)), 200));

  api.openapi(patch, async (c) => {
    const key = await requireKey(c, c.req.valid("param").id);
    const { name = key.name } = c.req.valid("json");
    await renameSshKey(db, key.id, name);
    return c.json(sshKeyAnswer({ ...key, name }), 200);
  });

  api.openapi(remove, async (c) => {
    const key = await requireKey(c, c.req.valid("param").id);
    await deleteSshKey(db, key.id);
    return c.body(null, 204);
  });
}

async function requireKey(c: ApiContext, id: number): Promise<SshKeyRow> {
  const { actor, deps } = c.var;
  const key = await sshKeyById(deps.db, id);
  if (key === null || (key.customer_id !== actor.customerId && !actor.isAdmin)) throw notFound(`key ${id}`);
  actingOn(c, { ownerCustomerId: key.customer_id, subject: `ssh key ${id}` });
  return key;
}

function sshKeyAnswer({ customer_id: _owner, ...row }: SshKeyRow) {
  return { ...row, created_at: row.created_at.toISOString() };
}
