/**
 * Credentials of registries, for private images: a customer's own, for what this customer orders in whichever
 * workspace, and a workspace's, for all that is ordered in it. Passwords go in and never come out here.
 */
import { createRoute, z } from "@hono/zod-openapi";
import { inputFailure } from "../request/input-failure.ts";
import { displayText, text } from "@remotegpu/shared/values/text";
import { CREDENTIAL_KEEPERS } from "../../core/accounts/access-rights.ts";
import { registryName, registryVerdict } from "../../core/hosts/images/registries.ts";
import type { SealedRow } from "../../core/hosts/images/password-seal.ts";
import { workspaceIdsOf } from "../../store/accounts/workspaces.ts";
import {
  type RegistryCredential,
  credentialById,
  deleteCredential,
  listCredentials,
  MAX_CREDENTIALS,
  putCredential,
} from "../../store/hosts/images/registry-credentials.ts";
import { registryListInForce } from "../../store/hosts/images/registry-list.ts";
import type { ApiApp, ApiContext, ApiDeps } from "../deps.ts";
import { actingOn } from "../request/audit.ts";
import { authorizeWorkspace } from "../request/authorization.ts";
import { once } from "../request/idempotency.ts";
import { RowId } from "../request/input-fields.ts";
import { badField, conflict, notFound } from "../request/refusal.ts";
import { OPAQUE, registerResource } from "../request/resource.ts";
import { created, forCustomers, jsonBody, NumericId, Timestamp } from "../request/route.ts";
import type { Reason } from "../../core/reasons/reason.ts";
import { inEnglish } from "../../core/reasons/english/english.ts";

const tags = ["registry credentials"];
const MAX_USERNAME = 256;
const MAX_PASSWORD = 4_096;
const MAX_REGISTRY = 260;

const NewCredential = z
  .strictObject({
    workspace_id: RowId.nullable().optional().openapi({
      description: "For all that is ordered there; without it for what you order anywhere",
      example: 42,
    }),
    registry: displayText(MAX_REGISTRY).openapi({
      description: "HOST or HOST:PORT, as references of images begin",
      example: "ghcr.io",
    }),
    username: displayText(MAX_USERNAME)
      .regex(/^[^:]*$/, inputFailure("registry-user-with-colon"))
      .openapi({
        description: "The login's name at the registry",
        example: "ada",
      }),
    password: text(MAX_PASSWORD).min(1).openapi({
      description: "Or a token. It is never displayed again",
      example: "a-token-of-the-registry",
    }),
  })
  .openapi("NewRegistryCredential");

const Credential = z
  .object({
    id: z.string().openapi({ description: "Its id", example: "registry-2d7f11c9" }),
    workspace_id: z.int().nullable().openapi({ description: "Null: your own", example: 42 }),
    registry: z.string().openapi({ description: "Whose login it is: HOST or HOST:PORT", example: "ghcr.io" }),
    username: z.string().openapi({ description: "The login's name at the registry", example: "ada" }),
    usable: z.boolean().openapi({
      description:
        "False where the password cannot be read any more, as after the fleet got another identity: give it anew",
    }),
    created_at: Timestamp,
  })
  .openapi("RegistryCredential");

const post = createRoute({
  ...forCustomers,
  method: "post",
  path: "/registry-credentials",
  tags,
  summary: "Give a registry's credential, in place of the one that was there for it",
  description:
    "Hosts get it at the moment when they fetch an image of that registry for such an order, and keep it nowhere. A workspace's goes before its customers' own. What was fetched with another one before is not used with this one until the registry has let it.",
  request: { body: jsonBody(NewCredential) },
  responses: created("The credential, without its password", Credential),
});

export function registerRegistryCredentialRoutes(api: ApiApp, deps: ApiDeps): void {
  const { db, passwords } = deps;

  api.openapi(post, async (c) => {
    const { workspace_id: workspaceId = null, username, password, ...body } = c.req.valid("json");
    if (workspaceId !== null) await authorizeWorkspace(c, workspaceId, "manage-registry-credentials");
    const named: SealedRow = {
      id: deps.newId("registry"),
      customerId: c.var.actor.customerId,
      workspaceId,
      registry: await usableRegistry(c.var.deps, body.registry),
      username,
    };
    const row: RegistryCredential = {
      ...named,
      sealedPassword: passwords.seal(password, named),
      sealedBy: passwords.sealedBy,
      createdAt: deps.now(),
    };
    return await once(c, async (sql) => {
      if (!(await putCredential(sql, row)))
        throw conflict({ code: "credentials-too-many", params: { max_credentials: MAX_CREDENTIALS } });
      return c.json(credentialAnswer(c.var.deps, row), 201);
    });
  });

  registerResource(api, {
    path: "/registry-credentials",
    tags,
    ids: OPAQUE,
    Answer: Credential,
    answer: (row: RegistryCredential) => credentialAnswer(deps, row),
    list: {
      summary: "Your credentials, and those of workspaces that you own or administer",
      answers: "A page of credentials, without passwords",
      filters: { workspace_id: NumericId.optional() },
      rows: async (c, page, { workspace_id: workspaceId = null }) =>
        await listCredentials(db, await keepersMeant(c, workspaceId), page),
    },
    get: {
      summary: "One credential, without its password",
      answers: "The credential",
      find: requireCredential,
    },
    remove: {
      summary: "Take a credential back; hosts get it no longer",
      end: async (c, id) => await deleteCredential(c.var.deps.db, (await requireCredential(c, id)).id),
    },
  });
}

/** As references say it. */
async function usableRegistry({ db }: ApiDeps, text: string): Promise<string> {
  const registry = registryName(text);
  if (registry === null) throw badField("registry", "registry-malformed");
  const verdict = registryVerdict(await registryListInForce(db), registry);
  if (!verdict.mayBeUsed) throw badField("registry", verdict.why);
  return registry;
}

async function keepersMeant(
  c: ApiContext,
  workspaceId: number | null,
): Promise<{ customerId: number | null; workspaceIds: number[] }> {
  const { customerId } = c.var.actor;
  if (workspaceId === null)
    return { customerId, workspaceIds: await workspaceIdsOf(c.var.deps.db, customerId, CREDENTIAL_KEEPERS) };
  const { id } = await authorizeWorkspace(c, workspaceId, "manage-registry-credentials");
  return { customerId: null, workspaceIds: [id] };
}

/** A workspace's for its owner and admins, a customer's own for nobody else; administrators see that they are there. */
async function requireCredential(c: ApiContext, id: string): Promise<RegistryCredential> {
  const { actor, deps } = c.var;
  const thing: Reason = { code: "named-registry-credential", params: { credential_id: id } };
  const row = await credentialById(deps.db, id);
  if (row === null) throw notFound(thing);
  if (row.workspaceId !== null) {
    await authorizeWorkspace(c, row.workspaceId, "manage-registry-credentials");
    return row;
  }
  if (row.customerId !== actor.customerId && !actor.isAdmin) throw notFound(thing);
  actingOn(c, { ownerCustomerId: row.customerId, subject: inEnglish(thing) });
  return row;
}

function credentialAnswer({ passwords }: ApiDeps, row: RegistryCredential): z.input<typeof Credential> {
  return {
    id: row.id,
    workspace_id: row.workspaceId,
    registry: row.registry,
    username: row.username,
    usable: passwords.opensKeys.includes(row.sealedBy) && passwords.open(row.sealedPassword, row) !== null,
    created_at: row.createdAt.toISOString(),
  };
}
