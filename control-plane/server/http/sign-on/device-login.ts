/**
 * Logging the command in by the device flow: a person confirms a code in a browser, anywhere, while the command polls. It
 * polls here, and this server the provider, so that the client's secret stays with it; nothing is kept in between, since
 * the command holds the provider's code, sealed.
 */
import { createRoute, z } from "@hono/zod-openapi";
import { text } from "@remotegpu/shared/values/text";
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import type { SignedIn } from "../../core/sign-on/sign-on.ts";
import type { ApiApp, ApiContext } from "../deps.ts";
import { unauthenticated } from "../request/authentication.ts";
import { once } from "../request/idempotency.ts";
import { forEveryone, iso, jsonBody, ok, Timestamp } from "../request/route.ts";
import { openForCommand } from "./login-account.ts";
import { limitLogins, recordingRefusals, refusing, requireSignOn } from "./login-refusals.ts";

const tags = ["account"];
const MAX_SEALED_LENGTH = 4_000;
/** As RFC 8628 has it. */
const SLOWER_BY_SECONDS = 5;
const MAX_INTERVAL_SECONDS = 60;

const Interval = z.int().openapi({
  description: "Seconds to wait before the next poll",
  example: 5,
});
const LOGIN_EXAMPLE = "vJp2k0d4uQ";
const Login = z.string().openapi({
  description: "What the next poll presents. It is the login's secret",
  example: LOGIN_EXAMPLE,
});

const DeviceLogin = z
  .object({
    login: Login,
    user_code: z.string().openapi({
      description: "What the person types at the address",
      example: "WDJB-MJHT",
    }),
    verification_uri: z.string().openapi({
      description: "Where they type it",
      example: "https://accounts.example.com/device",
    }),
    verification_uri_complete: z.string().nullable().openapi({
      description: "The same with the code in it; null where the provider has no such address",
      example: "https://accounts.example.com/device?user_code=WDJB-MJHT",
    }),
    expires_at: Timestamp.describe("Until when it can be confirmed"),
    interval_seconds: Interval,
  })
  .openapi("DeviceLogin");

const DevicePoll = z
  .strictObject({
    login: text(MAX_SEALED_LENGTH).openapi({
      description: "As the answer before had it",
      example: LOGIN_EXAMPLE,
    }),
  })
  .openapi("DevicePoll");

const DeviceAnswer = z
  .object({
    state: z.enum(["waiting", "done"]).openapi({
      description: "`waiting` until the person has confirmed it",
      example: "done",
    }),
    login: Login.nullable().describe("For the next poll; null once it is done"),
    interval_seconds: Interval,
    key: z.string().nullable().openapi({
      description: "A key of the account; it is never displayed again. Null while it waits",
      example: "rgk_Xk3b0Q2nVYr8",
    }),
    username: z.string().nullable().openapi({ description: "Whose; null while it waits", example: "ada" }),
    expires_at: Timestamp.nullable().describe("From when on the key opens nothing; null while it waits"),
  })
  .openapi("DeviceAnswer");

const begin = createRoute({
  ...forEveryone,
  method: "post",
  path: "/auth/oidc/device",
  operationId: "beginDeviceLogin",
  tags,
  summary: "Begin a login of the command: a code that somebody confirms at the identity provider",
  responses: ok("The code and where it is confirmed", DeviceLogin),
  "x-problems": [401, 404, 503],
});

const poll = createRoute({
  ...forEveryone,
  method: "post",
  path: "/auth/oidc/device/poll",
  operationId: "pollDeviceLogin",
  tags,
  summary: "Whether the code was confirmed: then a key, which ends as a session does",
  request: { body: jsonBody(DevicePoll) },
  responses: ok("It waits, or the key", DeviceAnswer),
  "x-problems": [401, 403, 404, 409, 503],
});

const Held = z.object({ deviceCode: z.string(), intervalSeconds: z.int(), expiresMs: z.int() });
type Held = z.infer<typeof Held>;

export function registerDeviceLoginRoutes(api: ApiApp): void {
  api.openapi(begin, async (c) => {
    limitLogins(c);
    const { provider } = requireSignOn(c);
    const begun = await refusing(provider.beginDevice());
    const { deviceCode, intervalSeconds } = begun;
    const expiresMs = c.var.deps.now().getTime() + begun.expiresSeconds * MS_PER_SECOND;
    const answer: z.input<typeof DeviceLogin> = {
      login: sealed(c, { deviceCode, intervalSeconds, expiresMs }),
      user_code: begun.userCode,
      verification_uri: begun.verificationUri,
      verification_uri_complete: begun.verificationUriComplete,
      expires_at: new Date(expiresMs).toISOString(),
      interval_seconds: intervalSeconds,
    };
    return c.json(answer, 200);
  });

  api.openapi(poll, async (c) => {
    limitLogins(c);
    const signOn = requireSignOn(c);
    let who: SignedIn | null = null;
    return await recordingRefusals(c, { action: "sign-on.device", who: () => who }, async () => {
      const held = opened(c, c.req.valid("json").login);
      const polled = await refusing(signOn.provider.pollDevice(held.deviceCode));
      if (polled.state !== "done") {
        c.set("isRecorded", true);
        const slower = polled.state === "slow-down" ? SLOWER_BY_SECONDS : 0;
        const intervalSeconds = Math.min(held.intervalSeconds + slower, MAX_INTERVAL_SECONDS);
        return c.json(waiting(sealed(c, { ...held, intervalSeconds }), intervalSeconds), 200);
      }
      const { signedIn } = polled;
      who = signedIn;
      return await once(c, async (sql) => {
        const { actor, key } = await openForCommand(c, sql, { signedIn, signOn });
        const answer: z.input<typeof DeviceAnswer> = {
          state: "done",
          login: null,
          interval_seconds: held.intervalSeconds,
          key,
          username: actor.username,
          expires_at: iso(actor.keyExpiresAt),
        };
        return c.json(answer, 200);
      });
    });
  });
}

function waiting(login: string, intervalSeconds: number): z.input<typeof DeviceAnswer> {
  return {
    state: "waiting",
    login,
    interval_seconds: intervalSeconds,
    key: null,
    username: null,
    expires_at: null,
  };
}

function sealed(c: ApiContext, held: Held): string {
  return requireSignOn(c).seal.seal("device", JSON.stringify(held));
}

/** @throws ApiRefusal where it is none of ours, or its time is over */
function opened(c: ApiContext, login: string): Held {
  const text = requireSignOn(c).seal.open("device", login);
  if (text === null) throw unauthenticated("sign-on-device-unknown");
  const held = Held.parse(JSON.parse(text));
  if (held.expiresMs <= c.var.deps.now().getTime()) throw unauthenticated("sign-on-device-expired");
  return held;
}
