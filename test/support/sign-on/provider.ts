/**
 * A real OpenID Connect provider on loopback: its people have names, groups and addresses that a test gives them, and a
 * login there is what its own pages ask for, filled in by requests or by a browser.
 */
import type { AddressInfo } from "node:net";
import { createServer, type Server } from "node:http";
import { generateKeyPair } from "node:crypto";
import { promisify } from "node:util";
import { type JWK, Provider } from "oidc-provider";

export const CLIENT_ID = "remotegpu";
export const CLIENT_SECRET = "planted-client-secret-9f2c";

const TTL_SECONDS = 600;

/** What the provider says of a person besides their subject. */
type Person = Record<string, unknown>;

export interface TestProvider {
  issuer: string;
  /** Subject → claims. */
  people: Map<string, Person>;
  /** Has it fall silent, as when its machine is away; `back` has it answer at the same port again. */
  away(): Promise<void>;
  back(): Promise<void>;
  close(): Promise<void>;
}

/** @param redirectUri where it sends browsers back to */
export async function openProvider(redirectUri: string): Promise<TestProvider> {
  const server = createServer();
  await listening(server, 0);
  const { port } = server.address() as AddressInfo;
  const issuer = `http://127.0.0.1:${port}`;
  const people = new Map<string, Person>();
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: CLIENT_ID,
        client_secret: CLIENT_SECRET,
        redirect_uris: [redirectUri],
        post_logout_redirect_uris: [new URL("/", redirectUri).href],
        grant_types: ["authorization_code", "urn:ietf:params:oauth:grant-type:device_code"],
        response_types: ["code"],
      },
    ],
    claims: {
      openid: ["sub"],
      profile: ["name", "preferred_username", "groups"],
      email: ["email", "email_verified"],
    },
    features: { deviceFlow: { enabled: true }, devInteractions: { enabled: true } },
    findAccount: (_context, sub) => ({
      accountId: sub,
      claims: () => ({ sub, ...people.get(sub) }),
    }),
    cookies: { keys: ["of this test alone"] },
    jwks: { keys: [await signingKey()] },
    ttl: {
      DeviceCode: TTL_SECONDS,
      Interaction: TTL_SECONDS,
      Session: TTL_SECONDS,
      Grant: TTL_SECONDS,
      AccessToken: TTL_SECONDS,
      IdToken: TTL_SECONDS,
    },
  });
  server.on("request", (request, response) => void provider.callback()(request, response));
  return {
    issuer,
    people,
    async away() {
      await closed(server);
    },
    async back() {
      await listening(server, port);
    },
    async close() {
      if (server.listening) await closed(server);
    },
  };
}

async function signingKey(): Promise<JWK> {
  const { privateKey } = await promisify(generateKeyPair)("rsa", { modulusLength: 2048 });
  return { ...privateKey.export({ format: "jwk" }), kid: "of-this-test", use: "sig", alg: "RS256" };
}

async function listening(server: Server, port: number): Promise<void> {
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
}

async function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}
