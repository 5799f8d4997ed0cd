/** Tokens that the provider did not mean for us, or did not make: each with one thing wrong, at a provider of the test's own. */
import { OidcProvider } from "@remotegpu/control-plane/server/link/sign-on/oidc-provider";
import { SignOnError } from "@remotegpu/control-plane/server/core/sign-on/sign-on";
import { createSign, generateKeyPairSync, type KeyObject } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { memoryLog } from "../../support/memory-log.ts";

const CLIENT = "remotegpu";
const LOGIN = { state: "s".repeat(43), nonce: "n".repeat(43), verifier: "v".repeat(43) };
const own = generateKeyPairSync("rsa", { modulusLength: 2048 });
const stranger = generateKeyPairSync("rsa", { modulusLength: 2048 });

let server: Server;
let issuer: string;
/** What its token endpoint gives. */
let idToken: string;
let userinfo: object;
let log: ReturnType<typeof memoryLog>;
let provider: OidcProvider;

beforeAll(async () => {
  server = createServer((request, response) => {
    const answers: Record<string, () => object> = {
      "/.well-known/openid-configuration": () => ({
        issuer,
        authorization_endpoint: `${issuer}/authorize`,
        token_endpoint: `${issuer}/token`,
        userinfo_endpoint: `${issuer}/userinfo`,
        jwks_uri: `${issuer}/keys`,
        authorization_response_iss_parameter_supported: true,
        id_token_signing_alg_values_supported: ["RS256", "none", "HS256"],
      }),
      "/token": () => ({ access_token: "planted-access-token", token_type: "Bearer", id_token: idToken }),
      "/userinfo": () => userinfo,
      "/keys": () => ({ keys: [{ ...own.publicKey.export({ format: "jwk" }), kid: "k", alg: "RS256" }] }),
    };
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(answers[request.url ?? ""]?.() ?? {}));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});
beforeEach(() => {
  log = memoryLog();
  userinfo = { sub: "ada" };
  const settings = {
    issuer: new URL(issuer),
    clientId: CLIENT,
    clientSecret: "planted-secret",
    scopes: "openid",
  };
  provider = new OidcProvider(settings, { log, nowMs: () => 0 });
});

const seconds = () => Math.floor(Date.now() / 1000);
const claims = (more: object = {}) => ({
  iss: issuer,
  sub: "ada",
  aud: CLIENT,
  nonce: LOGIN.nonce,
  iat: seconds(),
  exp: seconds() + 300,
  ...more,
});

function token(payload: object, header: object = {}, key: KeyObject = own.privateKey): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part({ alg: "RS256", kid: "k", ...header })}.${part(payload)}`;
  return `${signed}.${createSign("sha256").update(signed).sign(key).toString("base64url")}`;
}

async function exchange(more: Record<string, string> = {}) {
  const answer = new URL("http://localhost/callback");
  answer.search = new URLSearchParams({ code: "c", state: LOGIN.state, iss: issuer, ...more }).toString();
  return await provider.exchange(answer, LOGIN);
}

const faultOf = async (given: Promise<unknown>) =>
  await given.then(
    () => null,
    (error: unknown) => (error instanceof SignOnError ? error.fault : error),
  );

describe("a token", () => {
  test("that is right in everything is taken, and its own claims go before those beside it", async () => {
    idToken = token(claims({ groups: ["signed"] }));
    userinfo = { sub: "ada", groups: ["beside"], name: "Ada" };

    expect(await exchange()).toMatchObject({
      issuer,
      subject: "ada",
      claims: { groups: ["signed"], name: "Ada" },
    });
  });

  const within = (iat: number, exp: number) => () =>
    token(claims({ iat: seconds() + iat, exp: seconds() + exp }));
  test.each([
    ["expired 20 seconds ago", within(-320, -20)],
    ["made 20 seconds ahead", within(20, 320)],
  ])("that was %s is taken: clocks differ", async (_what, made) => {
    idToken = made();

    expect(await exchange()).toMatchObject({ subject: "ada" });
  });

  const unsigned = () => `${token(claims(), { alg: "none" }).split(".").slice(0, 2).join(".")}.`;
  test.each([
    ["of another issuer", () => token(claims({ iss: "https://evil.example" }))],
    ["for another client", () => token(claims({ aud: "another" }))],
    [
      "for several clients, made for another one",
      () => token(claims({ aud: [CLIENT, "another"], azp: "another" })),
    ],
    ["with another nonce", () => token(claims({ nonce: "x" }))],
    ["without a nonce", () => token(claims({ nonce: undefined }))],
    ["that expired two minutes ago", within(-420, -120)],
    ["that is good from two minutes ahead on", () => token(claims({ nbf: seconds() + 120 }))],
    ["without a subject", () => token(claims({ sub: undefined }))],
    ["with a subject of line breaks", () => token(claims({ sub: "a\nb" }))],
    ["by another key", () => token(claims(), {}, stranger.privateKey)],
    ["by nobody (alg none)", unsigned],
    ["with a signature of none", () => token(claims(), { alg: "none" })],
    ["by the client's secret (HS256)", () => token(claims(), { alg: "HS256" })],
    ["that is none", () => "not.a.token"],
  ])("%s is refused", async (_what, made) => {
    idToken = made();

    expect(await faultOf(exchange())).toMatchObject({ code: "sign-on-answer-invalid" });
  });

  test("beside which the provider speaks of somebody else is refused", async () => {
    idToken = token(claims());
    userinfo = { sub: "eve", groups: ["operators"] };

    expect(await faultOf(exchange())).toMatchObject({ code: "sign-on-answer-invalid" });
  });
});

describe("an answer", () => {
  beforeEach(() => void (idToken = token(claims())));

  test.each([
    ["of another provider (mix-up)", { iss: "https://evil.example" }],
    ["with a token of its own beside the code", { id_token: "x.y.z" }],
  ])("%s is refused", async (_what, more) => {
    expect(await faultOf(exchange(more))).toMatchObject({ code: "sign-on-answer-invalid" });
  });

  test("with an error in strange words is told without them", async () => {
    const fault = await faultOf(exchange({ error: "<script>alert(1)</script>" }));

    expect(fault).toEqual({ code: "sign-on-provider-refused", params: { error: "unknown" } });
  });
});

test("of a provider that names itself otherwise nothing is taken, and the log has no secret", async () => {
  const settings = {
    issuer: new URL(`${issuer}/other`),
    clientId: CLIENT,
    clientSecret: "planted-secret",
    scopes: "openid",
  };
  const other = new OidcProvider(settings, { log, nowMs: () => 0 });

  expect(await faultOf(other.issuer())).toEqual({ code: "sign-on-provider-away" });
  expect(log.lines).toHaveLength(1);
  const written = JSON.stringify(log.lines);
  for (const secret of ["planted-secret", "planted-access-token"]) expect(written).not.toContain(secret);
});
