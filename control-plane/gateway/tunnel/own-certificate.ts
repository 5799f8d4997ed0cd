/**
 * What this gateway shows to hosts: a certificate of the access authority, made anew long before it ends. Each use
 * looks at its age, so nothing runs by itself.
 */
import { createSecureContext, type SecureContext } from "node:tls";
import { MS_PER_HOUR } from "@remotegpu/shared/values/units";

/** It is good for two days. */
const RENEW_AFTER_MS = 12 * MS_PER_HOUR;

export interface Credential {
  /** PEM. */
  key: string;
  certificate: string;
  /** The certificate of the authority, which certifies hosts as well. */
  ca: string;
}

type View = { credential: Credential; context: SecureContext };

export class OwnCertificate {
  readonly #make: (now: Date) => Promise<Credential>;
  readonly #now: () => Date;
  #made: { presented: Promise<View>; atMs: number } | null = null;

  constructor({ make, now }: { make: (now: Date) => Promise<Credential>; now: () => Date }) {
    this.#make = make;
    this.#now = now;
  }

  /** For TLS 1.3. */
  async context(): Promise<SecureContext> {
    return (await this.presented()).context;
  }

  /** The same object until it is renewed. */
  async presented(): Promise<View> {
    const now = this.#now();
    const age = now.getTime() - (this.#made?.atMs ?? 0);
    // Also after a clock that was set back.
    if (this.#made === null || age >= RENEW_AFTER_MS || age < 0) {
      const made = { presented: this.#make(now).then(visibleBy), atMs: now.getTime() };
      this.#made = made;
      // Tried again at the next use.
      made.presented.catch(() => {
        if (this.#made === made) this.#made = null;
      });
    }
    return this.#made.presented;
  }
}

function visibleBy(credential: Credential): View {
  const { key, certificate, ca } = credential;
  const context = createSecureContext({ key, cert: certificate, ca, minVersion: "TLSv1.3" });
  return { credential, context };
}
