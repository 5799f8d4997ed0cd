/** The real API with a real provider beside it, and a login there from its start to the session. */
import { openSignOn } from "@remotegpu/control-plane/server/sign-on";
import type { SignOnConfig } from "@remotegpu/control-plane/server/config";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { type Answer, type ApiWorld, openApi } from "../http/api.ts";
import { memoryLog } from "../memory-log.ts";
import { CLIENT_ID, CLIENT_SECRET, openProvider, type TestProvider } from "./provider.ts";
import { ProviderBrowser } from "./provider-browser.ts";

export const PUBLIC = "http://localhost:8080";
const CALLBACK = `${PUBLIC}/api/v1/auth/oidc/callback`;

/** Settings that lead there, as an operator would have them. */
export function signOnConfig(issuer: string): SignOnConfig {
  return {
    issuer: new URL(issuer),
    clientId: CLIENT_ID,
    clientSecretFile: secretFile(),
    scopes: "openid profile email",
    settings: {
      name: "Example Accounts",
      adminClaim: null,
      makesAccounts: false,
      usernameClaim: "preferred_username",
      emailClaim: "email",
    },
  };
}

function secretFile(): string {
  const folder = mkdtempSync(join(tmpdir(), "remotegpu-sign-on-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "client-secret");
  writeFileSync(file, `${CLIENT_SECRET}\n`);
  return file;
}

export interface SignOnWorld {
  api: ApiWorld;
  provider: TestProvider;
  /** All that the adapter of the provider logged. */
  logged(): string;
  /** Has what is known of the provider grow older by that. */
  age(ms: number): void;
  set(settings: Partial<SignOnConfig["settings"]>): void;
  /** Begins a login in a browser of its own. */
  begin(returnTo?: string): Promise<BegunLogin>;
  /** From the start to the session. */
  logIn(subject: string, invitation?: string): Promise<Answer>;
  close(): Promise<void>;
}

interface BegunLogin {
  /** Where the browser is sent. */
  address: URL;
  /** Of the login's state, as a browser sends it back. */
  cookie: string;
  setCookie: string;
  /** The query of the provider's answer, once the person has logged in there. */
  answerOf(subject: string): Promise<string>;
  complete(answer: string, more?: { invitation?: string; cookie?: string; origin?: string }): Promise<Answer>;
}

export async function openSignOnWorld(more: Partial<SignOnConfig> = {}): Promise<SignOnWorld> {
  const [api, provider] = await Promise.all([openApi({ publicUrl: PUBLIC }), openProvider(CALLBACK)]);
  const log = memoryLog();
  const config = { ...signOnConfig(provider.issuer), ...more };
  // A clock that stands still but for `age`.
  let agedMs = 0;
  const opened = openSignOn(config, { operator: api.operator, log, nowMs: () => agedMs });
  api.deps.signOn = opened;

  const complete: BegunLogin["complete"] = async (
    answer,
    { invitation, cookie = "", origin = PUBLIC } = {},
  ) =>
    await api.request("POST", "/api/v1/auth/oidc/complete", {
      body: { answer, ...(invitation !== undefined && { invitation }) },
      headers: { Origin: origin, Cookie: cookie },
    });
  const begin = async (returnTo?: string): Promise<BegunLogin> => {
    const query = returnTo === undefined ? "" : `?return_to=${encodeURIComponent(returnTo)}`;
    const { headers } = await api.request("GET", `/api/v1/auth/oidc/start${query}`);
    const setCookie = headers.get("Set-Cookie") ?? "";
    const cookie = setCookie.split(";")[0] ?? "";
    const address = new URL(headers.get("Location") ?? "");
    return {
      address,
      cookie,
      setCookie,
      async answerOf(subject) {
        const { location, page } = await new ProviderBrowser().logIn(address.href, subject);
        if (location === null) throw new Error(`the provider stayed at a page of its own: ${page}`);
        const callback = await api.request("GET", `${location.pathname}${location.search}`);
        const led = new URL(callback.headers.get("Location") ?? "");
        return new URLSearchParams(led.hash.slice(1)).get("sign-on") ?? "";
      },
      complete: async (answer, given = {}) => await complete(answer, { cookie, ...given }),
    };
  };
  return {
    api,
    provider,
    logged: () => inspect(log.lines, { depth: 12 }),
    age: (ms) => void (agedMs += ms),
    set: (settings) => void Object.assign(opened.settings, settings),
    begin,
    async logIn(subject, invitation) {
      const begun = await begin();
      return await begun.complete(await begun.answerOf(subject), {
        ...(invitation !== undefined && { invitation }),
      });
    },
    async close() {
      await Promise.all([api.close(), provider.close()]);
    },
  };
}
