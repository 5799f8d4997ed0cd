/**
 * Logging a browser in at the operator's identity provider: by authorization code with PKCE. The provider sends the browser
 * to the callback, from another site, where a Strict cookie would not be sent; so that leads to the dashboard, a page of
 * ours, which brings the answer back by a request of its own and gets the session.
 */
import { randomBytes } from "node:crypto";
import { createRoute, z } from "@hono/zod-openapi";
import { text } from "@remotegpu/shared/values/text";
import { dashboardAddress } from "../../core/accounts/session-cookie.ts";
import {
  loginCookie,
  loginEnd,
  loginFault,
  type LoginState,
  presentedLogin,
  returnPath,
} from "../../core/sign-on/login-state.ts";
import { type SignedIn, SignOnError } from "../../core/sign-on/sign-on.ts";
import type { ApiApp, ApiContext } from "../deps.ts";
import { API_BASE } from "../documentation/api-base.ts";
import { unauthenticated } from "../request/authentication.ts";
import { once } from "../request/idempotency.ts";
import { ApiRefusal } from "../request/refusal.ts";
import { created, forEveryone, jsonBody, ok } from "../request/route.ts";
import { isSecure, refuseOtherPages } from "../request/session-cookies.ts";
import { OpenedSession, openSession } from "../sessions/session-opening.ts";
import { openForBrowser } from "./login-account.ts";
import { limitLogins, recordingRefusals, refusing, requireSignOn } from "./login-refusals.ts";

const tags = ["account"];
const CALLBACK_PATH = `${API_BASE}/auth/oidc/callback`;
const SECRET_BYTES = 32;
const MAX_ANSWER_LENGTH = 8_000;
/** What an answer of the provider consists of. */
const ANSWER_PARAMETERS = ["code", "state", "iss", "error", "session_state"];

const SignOnOptions = z
  .object({
    name: z.string().nullable().openapi({
      description: "What people know the identity provider as; null: none is set",
      example: "Example Accounts",
    }),
    is_available: z.boolean().openapi({
      description: "Whether it answers, so that a login there can begin; keys log in all the same",
      example: true,
    }),
    logout_url: z.string().nullable().openapi({
      description: "Where a browser logs out of the provider, too; null: the provider has no such address",
      example: "https://accounts.example.com/logout?client_id=remotegpu",
    }),
  })
  .openapi("SignOnOptions");

const options = createRoute({
  ...forEveryone,
  method: "get",
  path: "/auth/oidc",
  operationId: "getSignOnOptions",
  tags,
  summary: "Whether people log in here by single sign-on, and where",
  responses: ok("What a login page offers", SignOnOptions),
});

const leads = (description: string) => ({ 303: { description } });

const start = createRoute({
  ...forEveryone,
  method: "get",
  path: "/auth/oidc/start",
  operationId: "startSignOn",
  tags,
  summary: "Begin a login at the identity provider: leads there, with a cookie by which its answer is known",
  description: "For browsers. Where no login can begin, it leads to the dashboard, which says why.",
  request: {
    query: z.strictObject({
      return_to: z.string().optional().openapi({
        description: "The path of the dashboard to go on at; of whatever leads elsewhere, its first page",
        example: "/environments",
      }),
    }),
  },
  responses: leads("To the provider, or to the dashboard with the reason"),
});

const callback = createRoute({
  ...forEveryone,
  method: "get",
  path: "/auth/oidc/callback",
  operationId: "receiveSignOn",
  tags,
  summary: "Where the identity provider sends a browser; leads on to the dashboard",
  description:
    "Nothing is decided here: the answer goes on in the address's fragment, which no server is sent, and the dashboard brings it back to /auth/oidc/complete.",
  responses: leads("To the dashboard"),
});

const NewSignOnSession = z
  .strictObject({
    answer: text(MAX_ANSWER_LENGTH).openapi({
      description: "The query with which the provider sent the browser back",
      example: "code=SplxlOBeZQQYbYS6WxSbIA&state=af0ifjsldkj",
    }),
    invitation: text(200).optional().openapi({
      description: "Of an invitation's link: the identity is linked to the account of the invitation",
      example: "rgi_9aQ2nVYr8Xk3",
    }),
  })
  .openapi("NewSignOnSession");

const SignOnSession = OpenedSession.extend({
  return_to: z.string().openapi({
    description: "The path of the dashboard to go on at",
    example: "/environments",
  }),
}).openapi("SignOnSession");

const complete = createRoute({
  ...forEveryone,
  method: "post",
  path: "/auth/oidc/complete",
  operationId: "completeSignOn",
  tags,
  summary: "Finish a login at the identity provider: its answer for a session's cookie",
  description:
    "For pages of this origin, and for the browser that began the login. The account is found by issuer and subject alone. The session ends as those of keys do.",
  request: { body: jsonBody(NewSignOnSession) },
  responses: created("The session; its cookie is in Set-Cookie", SignOnSession),
  "x-problems": [401, 403, 409],
});

export function registerSignOnRoutes(api: ApiApp): void {
  api.openapi(options, async (c) => c.json(await optionsOf(c), 200));
  api.openapi(start, async (c) => await begin(c, c.req.valid("query").return_to));
  api.openapi(callback, (c) => {
    const answer = new URLSearchParams();
    for (const name of ANSWER_PARAMETERS) {
      const value = c.req.query(name);
      if (value !== undefined) answer.set(name, value);
    }
    return lead(c, `${dashboardOf(c)}/#sign-on=${encodeURIComponent(answer.toString())}`);
  });
  api.openapi(complete, async (c) => {
    // Or another page would log its visitor in to an account of its own.
    refuseOtherPages(c);
    limitLogins(c);
    const signOn = requireSignOn(c);
    const { answer, invitation } = c.req.valid("json");
    let who: SignedIn | null = null;
    const named = { action: "sign-on.complete", who: () => who };
    return await recordingRefusals(c, named, async () => {
      const { held, signedIn } = await answered(c, answer);
      who = signedIn;
      const opened = await once(c, async (sql) => {
        const actor = await openForBrowser(c, sql, { signedIn, invitation, signOn });
        return c.json({ ...(await openSession(c, sql, actor)), return_to: held.returnTo }, 201);
      });
      // Its answer is used.
      opened.headers.append("Set-Cookie", loginCookie("", isSecure(c)));
      return opened;
    });
  });
}

async function optionsOf(c: ApiContext): Promise<z.input<typeof SignOnOptions>> {
  const { signOn } = c.var.deps;
  if (signOn === null) return { name: null, is_available: false, logout_url: null };
  const { name } = signOn.settings;
  try {
    return { name, is_available: true, logout_url: await signOn.provider.logoutUrl(`${dashboardOf(c)}/`) };
  } catch (error) {
    if (!(error instanceof SignOnError)) throw error;
    return { name, is_available: false, logout_url: null };
  }
}

async function begin(c: ApiContext, returnTo: string | undefined): Promise<Response> {
  try {
    limitLogins(c);
    const { provider, seal } = requireSignOn(c);
    const secret = () => randomBytes(SECRET_BYTES).toString("base64url");
    const held: LoginState = {
      state: secret(),
      nonce: secret(),
      verifier: secret(),
      returnTo: returnPath(returnTo),
      expiresMs: loginEnd(c.var.deps.now()),
    };
    const redirectUri = `${dashboardOf(c)}${CALLBACK_PATH}`;
    const address = await refusing(provider.authorizationUrl({ ...held, redirectUri }));
    c.header("Set-Cookie", loginCookie(seal.seal("browser", JSON.stringify(held)), isSecure(c)));
    return lead(c, address);
  } catch (error) {
    if (!(error instanceof ApiRefusal)) throw error;
    return lead(c, `${dashboardOf(c)}/#sign-on-refused=${encodeURIComponent(error.reason.code)}`);
  }
}

/** @throws ApiRefusal where it is no answer to the login that this browser began, or says no */
async function answered(c: ApiContext, answer: string): Promise<{ held: LoginState; signedIn: SignedIn }> {
  const { provider } = requireSignOn(c);
  const held = heldBy(c);
  const url = new URL(`${dashboardOf(c)}${CALLBACK_PATH}`);
  url.search = answer;
  const states = url.searchParams.getAll("state");
  const state = states.length === 1 ? (states[0] ?? null) : null;
  const fault = loginFault(held, { state, now: c.var.deps.now() });
  if (fault !== null || held === null) throw unauthenticated(fault ?? "sign-on-state-missing");
  return { held, signedIn: await refusing(provider.exchange(url, held)) };
}

const HeldState = z.object({
  state: z.string(),
  nonce: z.string(),
  verifier: z.string(),
  returnTo: z.string(),
  expiresMs: z.int(),
}) satisfies z.ZodType<LoginState>;

function heldBy(c: ApiContext): LoginState | null {
  const sealed = presentedLogin(c.req.header("Cookie") ?? "", isSecure(c));
  const opened = sealed === null ? null : requireSignOn(c).seal.open("browser", sealed);
  return opened === null ? null : HeldState.parse(JSON.parse(opened));
}

/** Cookies and the provider's list of addresses know it by one name. */
function dashboardOf(c: ApiContext): string {
  return dashboardAddress(c.var.deps.config.publicUrl);
}

function lead(c: ApiContext, address: string): Response {
  c.header("Cache-Control", "no-store");
  c.header("Referrer-Policy", "no-referrer");
  return c.redirect(address, 303);
}
