/** Single sign-on as routes see it: the operator's settings of it, the provider, and what seals the state of logins. */
import type { AdminClaim, Claims, NamingClaims } from "./login-claims.ts";

export interface SignOnSettings extends NamingClaims {
  /** What people know the provider as. */
  name: string;
  adminClaim: AdminClaim | null;
  /** Whether somebody whom nobody linked or invited gets an account at the first login. */
  makesAccounts: boolean;
}

/** Who logged in, as the provider's signed token says it. */
export interface SignedIn {
  issuer: string;
  subject: string;
  claims: Claims;
}

export interface DeviceLogin {
  deviceCode: string;
  userCode: string;
  verificationUri: string;
  /** With the code in it, where the provider has such an address. */
  verificationUriComplete: string | null;
  expiresSeconds: number;
  intervalSeconds: number;
}

export type DevicePoll =
  | { state: "waiting" }
  /** The provider wants to be polled less often. */
  | { state: "slow-down" }
  | { state: "done"; signedIn: SignedIn };

/** Why the provider let nobody in, or its answer was not taken. */
export type SignOnFault =
  | { code: "sign-on-provider-away" }
  | { code: "sign-on-denied" }
  | { code: "sign-on-code-spent" }
  | { code: "sign-on-provider-refused"; params: { error: string } }
  /** `check`: what of the answer does not hold, as a word. */
  | { code: "sign-on-answer-invalid"; params: { check: string } }
  | { code: "sign-on-device-expired" }
  | { code: "sign-on-device-unsupported" };

export class SignOnError extends Error {
  override readonly name = "SignOnError";
  readonly fault: SignOnFault;

  constructor(fault: SignOnFault, options?: ErrorOptions) {
    super(fault.code, options);
    this.fault = fault;
  }
}

/** Each method throws SignOnError. */
export interface IdentityProvider {
  /** As its tokens name it. */
  issuer(): Promise<string>;
  authorizationUrl(login: {
    redirectUri: string;
    state: string;
    nonce: string;
    verifier: string;
  }): Promise<string>;
  /** @param answer the address that the provider sent the browser to */
  exchange(answer: URL, login: { state: string; nonce: string; verifier: string }): Promise<SignedIn>;
  beginDevice(): Promise<DeviceLogin>;
  pollDevice(deviceCode: string): Promise<DevicePoll>;
  /** Where a browser logs out of the provider, too; null where it has no such address. */
  logoutUrl(backTo: string): Promise<string | null>;
}

export interface SignOn {
  settings: SignOnSettings;
  provider: IdentityProvider;
  seal: LoginSeal;
}

/** Seals what clients hold for the server. What was sealed for one purpose opens for no other. */
export interface LoginSeal {
  seal(purpose: "browser" | "device", text: string): string;
  /** Null for what is not ours. */
  open(purpose: "browser" | "device", sealed: string): string | null;
}
