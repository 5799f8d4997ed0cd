/**
 * From a login at the identity provider to the account that it opens: by the identity's link, by an invitation, or, where
 * the operator wishes it, a new account. And to a key of that account with the rights that the login's claims give.
 */
import { ALL_SCOPES } from "../../core/accounts/key-scopes.ts";
import { sessionEnd } from "../../core/accounts/session-cookie.ts";
import { type LoginRole, loginProfile, loginRole } from "../../core/sign-on/login-claims.ts";
import type { SignedIn, SignOn } from "../../core/sign-on/sign-on.ts";
import { actorOfKeyId, hasRoomForKey, insertApiKey, MAX_LIVE_KEYS } from "../../store/accounts/api-keys.ts";
import { insertCustomer } from "../../store/accounts/customers.ts";
import {
  holdIdentity,
  insertIdentity,
  type LinkedIdentity,
  MAX_IDENTITIES,
  noteLogin,
  renewSessionKey,
  useIdentityInvitation,
} from "../../store/accounts/identities.ts";
import type { Transaction } from "../../store/database/database.ts";
import type { Actor, ApiContext } from "../deps.ts";
import { accountRefusal, makeApiKey, secretHash, unauthenticated } from "../request/authentication.ts";
import { conflict } from "../request/refusal.ts";

/** How many names are tried for an account whose name is taken. */
const MAX_NAMES = 20;
const MAX_USERNAME = 64;

export interface OpenedLogin {
  actor: Actor;
  /** The key itself, of one that a command is given. */
  key: string;
}

/** The account's key that sessions of browsers stand on: one for each identity, which nobody can present. */
export async function openForBrowser(
  c: ApiContext,
  sql: Transaction,
  login: { signedIn: SignedIn; invitation: string | undefined; signOn: SignOn },
): Promise<Actor> {
  const now = c.var.deps.now();
  const identity = await linkedIdentity(c, sql, login);
  const role = roleOf(identity, login);
  // What an administrator by a claim makes ends like the login, after which the claim is read anew.
  const expiresAt = role === "admin" ? sessionEnd(now, null) : null;
  const { sessionKeyId: known } = identity;
  const isRenewed =
    known !== null && (await renewSessionKey(sql, { apiKeyId: known, loginRole: role, expiresAt }));
  const apiKeyId = isRenewed
    ? known
    : (await insertLoginKey(c, sql, { identity, role, expiresAt, name: "single sign-on" })).id;
  await noteLogin(sql, { identityId: identity.id, sessionKeyId: apiKeyId, now });
  return await actorOfMade(c, sql, apiKeyId);
}

/** A key of its own for a command, which ends as a session does. */
export async function openForCommand(
  c: ApiContext,
  sql: Transaction,
  login: { signedIn: SignedIn; signOn: SignOn },
): Promise<OpenedLogin> {
  const now = c.var.deps.now();
  const identity = await linkedIdentity(c, sql, { ...login, invitation: undefined });
  const role = roleOf(identity, login);
  const expiresAt = sessionEnd(now, null);
  const { id, key } = await insertLoginKey(c, sql, { identity, role, expiresAt, name: "remotegpu login" });
  await noteLogin(sql, { identityId: identity.id, sessionKeyId: null, now });
  return { actor: await actorOfMade(c, sql, id), key };
}

function roleOf(
  { isAdminAccount }: LinkedIdentity,
  { signedIn, signOn }: { signedIn: SignedIn; signOn: SignOn },
): LoginRole | null {
  return loginRole(signedIn.claims, { adminClaim: signOn.settings.adminClaim, isAdminAccount });
}

/** @throws ApiRefusal where the account is suspended */
async function actorOfMade(c: ApiContext, sql: Transaction, apiKeyId: number): Promise<Actor> {
  const found = await actorOfKeyId(sql, apiKeyId);
  if (found === null) throw unauthenticated("key-unknown");
  c.set("actor", found.actor);
  if (found.customerStatus !== "active") throw accountRefusal(found.customerStatus);
  return found.actor;
}

async function insertLoginKey(
  c: ApiContext,
  sql: Transaction,
  {
    identity: { id: identityId, customerId },
    role,
    expiresAt,
    name,
  }: { identity: LinkedIdentity; role: LoginRole | null; expiresAt: Date | null; name: string },
): Promise<{ id: number; key: string }> {
  const now = c.var.deps.now();
  if (!(await hasRoomForKey(sql, { customerId, now })))
    throw conflict({ code: "keys-too-many", params: { max_keys: MAX_LIVE_KEYS } });
  const { key, prefix, keyHash } = makeApiKey();
  const row = await insertApiKey(sql, {
    customerId,
    name,
    prefix,
    keyHash,
    rights: ALL_SCOPES,
    expiresAt,
    now,
    identityId,
    loginRole: role,
  });
  return { id: row.id, key };
}

/** @throws ApiRefusal where it is linked to no account, and is not to be */
async function linkedIdentity(
  c: ApiContext,
  sql: Transaction,
  { signedIn, invitation, signOn }: { signedIn: SignedIn; invitation: string | undefined; signOn: SignOn },
): Promise<LinkedIdentity> {
  const known = await holdIdentity(sql, signedIn);
  if (invitation !== undefined) return await invited(c, sql, { signedIn, invitation, known });
  if (known !== null) return known;
  if (!signOn.settings.makesAccounts)
    throw unauthenticated({ code: "identity-unknown", params: { subject: signedIn.subject } });
  return await link(c, sql, { signedIn, customerId: await makeAccount(sql, { signedIn, signOn }) });
}

async function invited(
  c: ApiContext,
  sql: Transaction,
  { signedIn, invitation, known }: { signedIn: SignedIn; invitation: string; known: LinkedIdentity | null },
): Promise<LinkedIdentity> {
  const request = { tokenHash: secretHash(invitation), now: c.var.deps.now() };
  const customerId = await useIdentityInvitation(sql, request);
  if (customerId === null) throw unauthenticated("identity-invitation-spent");
  if (known === null) return await link(c, sql, { signedIn, customerId });
  if (known.customerId !== customerId) throw conflict("identity-linked");
  return known;
}

async function link(
  c: ApiContext,
  sql: Transaction,
  { signedIn: { issuer, subject }, customerId }: { signedIn: SignedIn; customerId: number },
): Promise<LinkedIdentity> {
  const made = await insertIdentity(sql, { customerId, issuer, subject, now: c.var.deps.now() });
  if (made === "full")
    throw conflict({ code: "identities-too-many", params: { max_identities: MAX_IDENTITIES } });
  const linked = made === null ? null : await holdIdentity(sql, { issuer, subject });
  if (linked === null) throw conflict("identity-linked");
  return linked;
}

/** @throws ApiRefusal where the provider does not vouch for an address, or another account has it */
async function makeAccount(
  sql: Transaction,
  { signedIn, signOn }: { signedIn: SignedIn; signOn: SignOn },
): Promise<number> {
  const { username, email, displayName } = loginProfile(signedIn.claims, signOn.settings);
  if (email === null) throw unauthenticated("identity-email-unverified");
  const wanted = username ?? "user";
  for (let number = 1; number <= MAX_NAMES; number += 1) {
    const suffix = number === 1 ? "" : `-${number}`;
    const name = `${wanted.slice(0, MAX_USERNAME - suffix.length)}${suffix}`;
    const made = await insertCustomer(sql, { username: name, email, displayName, userType: "external" });
    if (made.made) return made.customerId;
    // Never that account: whoever has it there says so to an administrator, who links the two.
    if (made.taken === "email") throw conflict("identity-email-taken");
  }
  throw conflict({ code: "username-taken", params: { username: wanted } });
}
