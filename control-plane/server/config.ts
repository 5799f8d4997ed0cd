/**
 * The control plane's settings and what each may be. Where their values come from, the environment, options and a file, is
 * config-sources.ts's.
 */
import {
  LogFormatName,
  LogLevelName,
  logSettings,
  type LogSettings,
} from "@remotegpu/shared/logging/log-settings";
import { postgresHostsFault } from "@remotegpu/shared/settings/postgres-urls";
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { z } from "zod";
import { parseUtcOffset } from "./core/billing/billing-calendar.ts";
import { webBaseOf, type WebBase } from "./core/gateway/origin.ts";
import { parseAdminClaim } from "./core/sign-on/login-claims.ts";
import type { SignOnSettings } from "./core/sign-on/sign-on.ts";

const OrUnset = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => (value === "" ? undefined : value), schema.optional());
const Address = z
  .string()
  .regex(/^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):\d{1,5}$/, "must be ADDRESS:PORT")
  .refine((text) => Number(portText(text)) <= 65_535, "must have a port up to 65535");

export const GATEWAY_LISTEN = "127.0.0.1:8445";
export const TUNNEL_PORT = 8444;

const PostgresUrl = z
  .string()
  .regex(/^postgres(ql)?:\/\//, "must be a postgres:// URL")
  .superRefine((url, checked) => {
    const message = postgresHostsFault(url);
    if (message !== null) checked.addIssue({ code: "custom", message });
  });

const Domain = z
  .string()
  .refine(
    (text) => webBaseOf(text, { hasCertificate: false }) !== null,
    "must be a domain, like web.example.com",
  );

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;
/** What it answers decides who comes in: in plain text from this machine alone. */
const Issuer = z
  .url({ protocol: /^https?$/ })
  .refine((text) => !URL.canParse(text) || isIssuer(new URL(text)), {
    error: "must be an https:// URL without query (http:// on a loopback address alone)",
  });

function isIssuer({ protocol, hostname, search, hash, username }: URL): boolean {
  const isSealed = protocol === "https:" || LOOPBACK.test(hostname);
  return isSealed && search === "" && hash === "" && username === "";
}

const ClaimName = z.string().regex(/^[^\s=]{1,128}$/, "must be the name of a claim");

const Environment = z.object({
  /** In the environment alone: the file that has the others; what the environment has itself goes before it. */
  REMOTEGPU_CONFIG_FILE: OrUnset(z.string().startsWith("/")),
  REMOTEGPU_LOG_LEVEL: LogLevelName,
  REMOTEGPU_LOG_FORMAT: LogFormatName,
  REMOTEGPU_STATE_DIR: z.string().startsWith("/").default("/var/lib/remotegpu-control-plane"),
  /** Beyond loopback the API and NATS get TLS from a CA of the state folder. */
  REMOTEGPU_LISTEN: Address.default("127.0.0.1:8080"),
  /** Where clients and hosts reach the API; by default what it listens on. */
  REMOTEGPU_PUBLIC_URL: OrUnset(z.url({ protocol: /^https?$/ }).transform((url) => url.replace(/\/+$/, ""))),
  /** Unset: a Postgres of our own in the state folder. */
  DATABASE_URL: OrUnset(PostgresUrl),
  /** The tables' owner, for `migrate` alone; unset: DATABASE_URL. */
  MIGRATION_DATABASE_URL: OrUnset(PostgresUrl),
  /** A folder that is on no disk of the database's: every payment is there, too, before it is answered. Unset: nowhere. */
  REMOTEGPU_PAYMENT_LOG: OrUnset(z.string().startsWith("/")),
  /** Unset: a NATS of our own in the state folder. Several are separated by commas. */
  NATS_URL: OrUnset(z.string()),
  /** PEM file of the CA of that NATS, where it is not a public one. */
  NATS_CA_FILE: OrUnset(z.string().startsWith("/")),
  /** Below it each service of each environment has an origin of its own; it may carry a port. Unset: no web side. */
  WEB_DOMAIN: OrUnset(Domain),
  /** Below it each inference service has a name of its own besides its path; it may carry a port. Unset: none has. */
  SERVICE_DOMAIN: OrUnset(Domain),
  /** PEM files of the certificate for `*.WEB_DOMAIN` and `*.SERVICE_DOMAIN`; without them an operator's proxy speaks TLS in front. */
  WEB_CERT: OrUnset(z.string().startsWith("/")),
  WEB_KEY: OrUnset(z.string().startsWith("/")),
  /** Of the gateway's web side; "off": this process is none. */
  REMOTEGPU_GATEWAY_LISTEN: OrUnset(z.union([z.literal("off"), Address])),
  /** So many seconds have answers under way to end when the gateway does. */
  REMOTEGPU_GATEWAY_STOP_SECONDS: z.coerce.number().int().min(0).max(600).default(5),
  /** Where a gateway that runs alone serves its metrics, to whoever reaches it; a server serves them with its API. */
  REMOTEGPU_GATEWAY_METRICS_LISTEN: OrUnset(Address),
  /** Where hosts that this gateway cannot reach dial in; by default port 8444 of the API's address. "off": nowhere. */
  REMOTEGPU_TUNNEL_LISTEN: OrUnset(z.union([z.literal("off"), Address])),
  /** The name or address under which hosts reach that; by default this machine's. */
  REMOTEGPU_TUNNEL_HOST: OrUnset(z.string().regex(/^[A-Za-z0-9.:-]{1,253}$/, "must be a name or an address")),
  /** Of the OpenID Connect provider by which people log in besides keys, as it names itself. Unset: by keys alone. */
  REMOTEGPU_OIDC_ISSUER: OrUnset(Issuer),
  /** What the provider knows this control plane as. */
  REMOTEGPU_OIDC_CLIENT_ID: OrUnset(z.string().max(256)),
  /** A file with the client's secret. Unset: a public client, which has none. */
  REMOTEGPU_OIDC_CLIENT_SECRET_FILE: OrUnset(z.string().startsWith("/")),
  /** What people know the provider as, on the login page. */
  REMOTEGPU_OIDC_NAME: OrUnset(z.string().trim().min(1).max(64)),
  /** What is requested of the provider, separated by blanks. */
  REMOTEGPU_OIDC_SCOPES: z
    .string()
    .regex(/^(\S+ )*openid( \S+)*$/, "must have openid among words separated by single blanks")
    .default("openid profile email"),
  /** CLAIM=VALUE: the one that makes a login an administrator's. Unset: none does, and the account's type holds. */
  REMOTEGPU_OIDC_ADMIN_CLAIM: OrUnset(
    z
      .string()
      .refine((text) => parseAdminClaim(text) !== null, "must be CLAIM=VALUE, like groups=remotegpu-admins"),
  ),
  /** Whether somebody whom no administrator linked or invited gets an account at the first login. */
  REMOTEGPU_OIDC_NEW_ACCOUNTS: z.enum(["refuse", "create"]).default("refuse"),
  /** What such an account is called by. */
  REMOTEGPU_OIDC_USERNAME_CLAIM: ClaimName.default("preferred_username"),
  /** Where such an account is written to; email_verified must be true beside it. */
  REMOTEGPU_OIDC_EMAIL_CLAIM: ClaimName.default("email"),
  /** Days and months of bills end at midnight there. */
  REMOTEGPU_BILLING_UTC_OFFSET: z
    .string()
    .regex(/^[+-](0\d|1[0-3]):[0-5]\d$|^[+-]14:00$/, "must be an offset from UTC, like +08:00")
    .default("+08:00"),
  /** "0": no agent bundle is built, and /install.sh is not served; for `npm start`, whose agent runs from here. */
  REMOTEGPU_AGENT_BUNDLE: z.enum(["0", "1"]).default("1"),
  /** For `npm start`: end when standard input closes. */
  REMOTEGPU_EXIT_WITH_STDIN: OrUnset(z.enum(["0", "1"])),
});

export interface Config {
  log: LogSettings;
  stateDir: string;
  listen: { address: string; port: number };
  publicUrl: string | null;
  databaseUrl: string | null;
  migrationDatabaseUrl: string | null;
  /** A folder. */
  paymentLog: string | null;
  nats: { urls: string[]; caFile: string | null } | null;
  /** Null: this process is no gateway. */
  gateway: GatewayConfig | null;
  /** Null: people log in by keys alone. */
  signOn: SignOnConfig | null;
  billingUtcOffsetMinutes: number;
  buildsBundle: boolean;
  exitWithStdin: boolean;
}

export interface SignOnConfig {
  issuer: URL;
  clientId: string;
  /** Null: a public client. */
  clientSecretFile: string | null;
  scopes: string;
  settings: SignOnSettings;
}

export interface GatewayConfig {
  /** Its port was asked for: where it cannot be had, that is an error. */
  isRequested: boolean;
  listen: { address: string; port: number };
  webBase: WebBase | null;
  serviceDomain: WebBase | null;
  /** PEM files; null: plain HTTP. */
  certificate: { certFile: string; keyFile: string } | null;
  /** What answers under way have to end when the gateway does. */
  stopWithinMs: number;
  /** Of a gateway that runs alone; null: it serves no metrics. */
  metricsListen: { address: string; port: number } | null;
  /** Null: hosts cannot dial in. */
  tunnel: TunnelConfig | null;
}

export interface TunnelConfig {
  /** As above. */
  isRequested: boolean;
  listen: { address: string; port: number };
  /** Null: the name of this machine that others know. */
  host: string | null;
}

export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly variable: string;
  /** What is wrong with it. */
  readonly fault: string;

  constructor(variable: string, fault: string) {
    super(`${variable}: ${fault}`);
    this.variable = variable;
    this.fault = fault;
  }
}

/** All settings, in the order in which this file describes them. */
export const SETTING_NAMES: readonly string[] = Object.keys(Environment.shape);

/** The values that apply by the schema where nothing is set: name → text. */
export const SCHEMA_DEFAULTS: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(Environment.parse({}))
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => [name, String(value)]),
);

/** Everything that keeps them from being used, each by its variable and without its value. */
export function configFaults(environment: NodeJS.ProcessEnv): ConfigError[] {
  const { success, data, error } = Environment.safeParse(environment);
  if (success) return conflictsOf(data);
  return error.issues.map(({ path, message }) => new ConfigError(path.join(".") || "environment", message));
}

/** @throws ConfigError naming the variable */
export function readConfig(environment: NodeJS.ProcessEnv): Config {
  const [fault] = configFaults(environment);
  if (fault !== undefined) throw fault;
  const env = Environment.parse(environment);
  return {
    log: logSettings(env),
    stateDir: env.REMOTEGPU_STATE_DIR,
    listen: addressOf(env.REMOTEGPU_LISTEN),
    publicUrl: env.REMOTEGPU_PUBLIC_URL ?? null,
    databaseUrl: env.DATABASE_URL ?? null,
    migrationDatabaseUrl: env.MIGRATION_DATABASE_URL ?? null,
    paymentLog: env.REMOTEGPU_PAYMENT_LOG ?? null,
    nats:
      env.NATS_URL === undefined
        ? null
        : { urls: env.NATS_URL.split(",").map((url) => url.trim()), caFile: env.NATS_CA_FILE ?? null },
    gateway: gatewayConfig(env),
    signOn: signOnConfig(env),
    billingUtcOffsetMinutes: parseUtcOffset(env.REMOTEGPU_BILLING_UTC_OFFSET),
    buildsBundle: env.REMOTEGPU_AGENT_BUNDLE === "1",
    exitWithStdin: env.REMOTEGPU_EXIT_WITH_STDIN === "1",
  };
}

type Parsed = z.infer<typeof Environment>;

/** What is wrong with values that are right alone. */
function conflictsOf(env: Parsed): ConfigError[] {
  const { WEB_CERT: certFile, WEB_KEY: keyFile } = env;
  const faults: ConfigError[] = [];
  if ((certFile === undefined) !== (keyFile === undefined)) {
    const missing = certFile === undefined ? "WEB_CERT" : "WEB_KEY";
    faults.push(new ConfigError(missing, "WEB_CERT and WEB_KEY belong together"));
  }
  const { web, services } = basesOf(env);
  if (services !== null && services.domain === web?.domain)
    faults.push(new ConfigError("SERVICE_DOMAIN", "must be another domain than WEB_DOMAIN"));
  const { REMOTEGPU_OIDC_ISSUER: issuer, REMOTEGPU_OIDC_CLIENT_ID: clientId } = env;
  if ((issuer === undefined) !== (clientId === undefined)) {
    const missing = issuer === undefined ? "REMOTEGPU_OIDC_ISSUER" : "REMOTEGPU_OIDC_CLIENT_ID";
    faults.push(
      new ConfigError(missing, "REMOTEGPU_OIDC_ISSUER and REMOTEGPU_OIDC_CLIENT_ID belong together"),
    );
  }
  return faults;
}

function basesOf(env: Parsed): { web: WebBase | null; services: WebBase | null } {
  const hasCertificate = env.WEB_CERT !== undefined;
  const baseOf = (text: string | undefined) =>
    text === undefined ? null : webBaseOf(text, { hasCertificate });
  return { web: baseOf(env.WEB_DOMAIN), services: baseOf(env.SERVICE_DOMAIN) };
}

function gatewayConfig(env: Parsed): GatewayConfig | null {
  const { WEB_CERT: certFile, WEB_KEY: keyFile } = env;
  const { REMOTEGPU_GATEWAY_LISTEN: listen, REMOTEGPU_GATEWAY_METRICS_LISTEN: metricsListen } = env;
  if (listen === "off") return null;
  const { web, services } = basesOf(env);
  return {
    isRequested: listen !== undefined || web !== null || services !== null,
    listen: addressOf(listen ?? GATEWAY_LISTEN),
    webBase: web,
    serviceDomain: services,
    certificate: certFile === undefined || keyFile === undefined ? null : { certFile, keyFile },
    stopWithinMs: env.REMOTEGPU_GATEWAY_STOP_SECONDS * MS_PER_SECOND,
    metricsListen: metricsListen === undefined ? null : addressOf(metricsListen),
    tunnel: tunnelConfig(env),
  };
}

function signOnConfig(env: Parsed): SignOnConfig | null {
  const { REMOTEGPU_OIDC_ISSUER: issuer, REMOTEGPU_OIDC_CLIENT_ID: clientId } = env;
  if (issuer === undefined || clientId === undefined) return null;
  return {
    issuer: new URL(issuer),
    clientId,
    clientSecretFile: env.REMOTEGPU_OIDC_CLIENT_SECRET_FILE ?? null,
    scopes: env.REMOTEGPU_OIDC_SCOPES,
    settings: {
      name: env.REMOTEGPU_OIDC_NAME ?? new URL(issuer).host,
      adminClaim: parseAdminClaim(env.REMOTEGPU_OIDC_ADMIN_CLAIM ?? ""),
      makesAccounts: env.REMOTEGPU_OIDC_NEW_ACCOUNTS === "create",
      usernameClaim: env.REMOTEGPU_OIDC_USERNAME_CLAIM,
      emailClaim: env.REMOTEGPU_OIDC_EMAIL_CLAIM,
    },
  };
}

function tunnelConfig(env: Parsed): TunnelConfig | null {
  const { REMOTEGPU_TUNNEL_LISTEN: listen, REMOTEGPU_TUNNEL_HOST: host = null } = env;
  if (listen === "off") return null;
  if (listen !== undefined) return { isRequested: true, listen: addressOf(listen), host };
  const { address } = addressOf(env.REMOTEGPU_LISTEN);
  return { isRequested: false, listen: { address, port: TUNNEL_PORT }, host };
}

function addressOf(listen: string): { address: string; port: number } {
  return { address: addressText(listen), port: Number(portText(listen)) };
}

function portText(listen: string): string {
  return listen.slice(listen.lastIndexOf(":") + 1);
}

function addressText(listen: string): string {
  return listen.slice(0, listen.lastIndexOf(":")).replace(/^\[|\]$/g, "");
}
