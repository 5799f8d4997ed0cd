/**
 * The operator's OpenID Connect provider: its addresses are discovered when somebody first asks, cached, and refreshed in
 * the background; where it does not answer, nothing else waits for it. Each token is checked by its signature, issuer,
 * audience, times and nonce. Errors say which check failed and never what was sent.
 */
import type { Log } from "@remotegpu/shared/log";
import * as oidc from "openid-client";
import { isSubject } from "../../core/sign-on/login-claims.ts";
import {
  type DeviceLogin,
  type DevicePoll,
  type IdentityProvider,
  type SignedIn,
  SignOnError,
  type SignOnFault,
} from "../../core/sign-on/sign-on.ts";

export interface OidcSettings {
  issuer: URL;
  clientId: string;
  /** Null: a public client. */
  clientSecret: string | null;
  scopes: string;
}

const REFRESHED_AFTER_MS = 3_600_000;
/** A provider that is away is not asked again by each who looks at the login page. */
const RETRIED_AFTER_MS = 10_000;
const TIMEOUT_SECONDS = 10;
/** Between the provider's clock and ours. */
const CLOCK_TOLERANCE_SECONDS = 30;
const DEFAULT_INTERVAL_SECONDS = 5;
const DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code";

export class OidcProvider implements IdentityProvider {
  readonly #settings: OidcSettings;
  readonly #log: Log;
  readonly #nowMs: () => number;
  #found: { configuration: oidc.Configuration; atMs: number } | null = null;
  #failedAtMs = -Infinity;
  #discovering: Promise<oidc.Configuration> | null = null;

  /** @param context.nowMs a clock that nobody sets; its zero is of no matter */
  constructor(settings: OidcSettings, { log, nowMs }: { log: Log; nowMs: () => number }) {
    this.#settings = settings;
    this.#log = log;
    this.#nowMs = nowMs;
  }

  async issuer(): Promise<string> {
    return (await this.#configuration()).serverMetadata().issuer;
  }

  async authorizationUrl(login: Parameters<IdentityProvider["authorizationUrl"]>[0]): Promise<string> {
    const configuration = await this.#configuration();
    const url = oidc.buildAuthorizationUrl(configuration, {
      redirect_uri: login.redirectUri,
      scope: this.#settings.scopes,
      state: login.state,
      nonce: login.nonce,
      code_challenge: await oidc.calculatePKCECodeChallenge(login.verifier),
      code_challenge_method: "S256",
    });
    return url.href;
  }

  async exchange(answer: URL, login: { state: string; nonce: string; verifier: string }): Promise<SignedIn> {
    const configuration = await this.#configuration();
    const tokens = await asFault(
      oidc.authorizationCodeGrant(configuration, answer, {
        expectedState: login.state,
        expectedNonce: login.nonce,
        pkceCodeVerifier: login.verifier,
        idTokenExpected: true,
      }),
    );
    return await signedIn(configuration, tokens);
  }

  async beginDevice(): Promise<DeviceLogin> {
    const configuration = await this.#configuration();
    if (configuration.serverMetadata().device_authorization_endpoint === undefined)
      throw new SignOnError({ code: "sign-on-device-unsupported" });
    const begun = await asFault(
      oidc.initiateDeviceAuthorization(configuration, { scope: this.#settings.scopes }),
    );
    return {
      deviceCode: begun.device_code,
      userCode: begun.user_code,
      verificationUri: begun.verification_uri,
      verificationUriComplete: begun.verification_uri_complete ?? null,
      expiresSeconds: begun.expires_in,
      intervalSeconds: begun.interval ?? DEFAULT_INTERVAL_SECONDS,
    };
  }

  async pollDevice(deviceCode: string): Promise<DevicePoll> {
    const configuration = await this.#configuration();
    try {
      const tokens = await oidc.genericGrantRequest(configuration, DEVICE_GRANT, { device_code: deviceCode });
      return { state: "done", signedIn: await signedIn(configuration, tokens) };
    } catch (error) {
      const answered = error instanceof oidc.ResponseBodyError ? error.error : null;
      if (answered === "authorization_pending") return { state: "waiting" };
      if (answered === "slow_down") return { state: "slow-down" };
      throw error instanceof SignOnError ? error : faultOf(error, DEVICE_ENDS);
    }
  }

  async logoutUrl(backTo: string): Promise<string | null> {
    const configuration = await this.#configuration();
    if (configuration.serverMetadata().end_session_endpoint === undefined) return null;
    return oidc.buildEndSessionUrl(configuration, { post_logout_redirect_uri: backTo }).href;
  }

  /** @throws SignOnError where nothing is known of the provider, and it does not answer */
  async #configuration(): Promise<oidc.Configuration> {
    const nowMs = this.#nowMs();
    const isFresh = this.#found !== null && nowMs - this.#found.atMs < REFRESHED_AFTER_MS;
    const isDue = nowMs - this.#failedAtMs >= RETRIED_AFTER_MS;
    if (!isFresh && isDue) this.#discovering ??= this.#discover();
    if (this.#found !== null) {
      // What is known goes on to serve while the provider is away.
      this.#discovering?.catch(() => undefined);
      return this.#found.configuration;
    }
    if (this.#discovering === null) throw new SignOnError({ code: "sign-on-provider-away" });
    return await this.#discovering;
  }

  async #discover(): Promise<oidc.Configuration> {
    const { issuer, clientId, clientSecret } = this.#settings;
    try {
      const configuration = await oidc.discovery(
        issuer,
        clientId,
        { [oidc.clockTolerance]: CLOCK_TOLERANCE_SECONDS },
        authenticationBy(clientSecret),
        {
          timeout: TIMEOUT_SECONDS,
          // The settings allow plain HTTP for a provider on this machine alone.
          execute: [
            oidc.enableNonRepudiationChecks,
            ...(issuer.protocol === "http:" ? [oidc.allowInsecureRequests] : []),
          ],
        },
      );
      this.#found = { configuration, atMs: this.#nowMs() };
      return configuration;
    } catch (error) {
      this.#failedAtMs = this.#nowMs();
      this.#log.warn({ issuer: issuer.href, fault: wordOf(error) }, "the identity provider does not answer");
      throw new SignOnError({ code: "sign-on-provider-away" }, { cause: error });
    } finally {
      this.#discovering = null;
    }
  }
}

/** By the header, unless the provider names other forms and not that one. */
function authenticationBy(secret: string | null): oidc.ClientAuth {
  if (secret === null) return oidc.None();
  const [basic, post] = [oidc.ClientSecretBasic(secret), oidc.ClientSecretPost(secret)];
  return (server, ...request) => {
    const forms = server.token_endpoint_auth_methods_supported;
    const isPosted = forms !== undefined && !forms.includes("client_secret_basic");
    (isPosted ? post : basic)(server, ...request);
  };
}

/** What the token and the provider's own answer about its subject say; of the same claim the signed token's counts. */
async function signedIn(
  configuration: oidc.Configuration,
  tokens: oidc.TokenEndpointResponse & oidc.TokenEndpointResponseHelpers,
): Promise<SignedIn> {
  const claims = tokens.claims();
  if (claims === undefined || !isSubject(claims.sub)) throw invalid("subject");
  const hasMore = configuration.serverMetadata().userinfo_endpoint !== undefined;
  const more = hasMore
    ? await asFault(oidc.fetchUserInfo(configuration, tokens.access_token, claims.sub))
    : {};
  return { issuer: claims.iss, subject: claims.sub, claims: { ...more, ...claims } };
}

async function asFault<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    throw faultOf(error, CODE_ENDS);
  }
}

/** What the provider's own words for an end mean. */
const CODE_ENDS: Readonly<Record<string, SignOnFault>> = {
  access_denied: { code: "sign-on-denied" },
  invalid_grant: { code: "sign-on-code-spent" },
};
const DEVICE_ENDS: Readonly<Record<string, SignOnFault>> = {
  access_denied: { code: "sign-on-denied" },
  expired_token: { code: "sign-on-device-expired" },
  invalid_grant: { code: "sign-on-device-expired" },
};

const SERVER_ERROR = 500;

function faultOf(error: unknown, ends: Readonly<Record<string, SignOnFault>>): SignOnError {
  if (error instanceof oidc.AuthorizationResponseError || error instanceof oidc.ResponseBodyError) {
    const isWord = /^[a-z_]{1,64}$/.test(error.error);
    const refused: SignOnFault = {
      code: "sign-on-provider-refused",
      params: { error: isWord ? error.error : "unknown" },
    };
    return new SignOnError(ends[error.error] ?? refused);
  }
  return isAway(error) ? new SignOnError({ code: "sign-on-provider-away" }) : invalid(wordOf(error));
}

function invalid(check: string): SignOnError {
  return new SignOnError({ code: "sign-on-answer-invalid", params: { check } });
}

/** It cannot be reached, is too slow, or has an error of its own. */
function isAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const response = error.cause;
  if (response instanceof Response) return response.status >= SERVER_ERROR;
  return (
    error.message === "fetch failed" || codeOf(error) === "OAUTH_TIMEOUT" || error.name === "TimeoutError"
  );
}

/** The library's code, which has no words of the answer. */
function wordOf(error: unknown): string {
  return codeOf(error) ?? (error instanceof Error ? error.name : "unknown");
}

function codeOf(error: unknown): string | null {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return null;
  const claim = claimOf(error.cause);
  return claim === null ? error.code : `${error.code} ${claim}`;
}

/** Which claim was compared. */
function claimOf(cause: unknown): string | null {
  if (typeof cause !== "object" || cause === null) return null;
  const { claim } = cause as { claim?: unknown };
  return typeof claim === "string" && /^[a-z_]{1,32}$/.test(claim) ? claim : null;
}
