/** Single sign-on as the settings have it. The client's secret is read at the start; nothing is asked of the provider then. */
import { readFileSync } from "node:fs";
import type { Log } from "@remotegpu/shared/log";
import { ConfigError, type SignOnConfig } from "./config.ts";
import type { SignOn } from "./core/sign-on/sign-on.ts";
import type { Operator } from "./link/servers/operator.ts";
import { loginSeal } from "./link/sign-on/login-seal.ts";
import { OidcProvider } from "./link/sign-on/oidc-provider.ts";

export interface SignOnContext {
  operator: { key: Pick<Operator["key"], "getSeed"> };
  log: Log;
  /** Tells how old is what is known of the provider: a clock that nobody sets. */
  nowMs?: () => number;
}

/** @throws ConfigError where the secret's file cannot be read, or is empty */
export function openSignOn(
  { settings, clientSecretFile, ...provider }: SignOnConfig,
  { operator, log, nowMs = () => performance.now() }: SignOnContext,
): SignOn {
  const clientSecret = clientSecretFile === null ? null : secretIn(clientSecretFile);
  return {
    settings,
    provider: new OidcProvider({ ...provider, clientSecret }, { log, nowMs }),
    seal: loginSeal(operator),
  };
}

function secretIn(file: string): string {
  const fault = (what: string, options?: ErrorOptions) =>
    Object.assign(new ConfigError("REMOTEGPU_OIDC_CLIENT_SECRET_FILE", what), options);
  let secret: string;
  try {
    secret = readFileSync(file, "utf8").trim();
  } catch (cause) {
    throw fault(`${file} cannot be read`, { cause });
  }
  if (secret === "") throw fault(`${file} is empty`);
  return secret;
}
