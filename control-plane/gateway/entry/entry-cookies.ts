/**
 * The cookie by which a browser that came in once is known again: signed with a key that follows from the operator's, so
 * that every gateway of the fleet reads it and nothing is kept; good for one origin.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { derivedSecret } from "@remotegpu/shared/proof/derived-key";
import { cookieValues } from "../../server/core/accounts/session-cookie.ts";
import type { Entry } from "../../server/core/gateway/entry.ts";
import {
  claimText,
  cookieName,
  type EntryClaim,
  readCookieValue,
} from "../../server/core/gateway/entry-cookie.ts";

/** A page that somebody plants could put others of our name beside ours. */
const MAX_TRIED = 4;
/** What was checked is checked once: a page asks for hundreds of files with one cookie. */
const MAX_KNOWN = 10_000;

export class EntryCookies {
  readonly #secret: Buffer;
  readonly #scheme: "http" | "https";
  readonly #known = new Map<string, EntryClaim>();

  constructor(operatorSeed: Uint8Array, scheme: "http" | "https") {
    this.#secret = derivedSecret(operatorSeed, "remotegpu web cookies");
    this.#scheme = scheme;
  }

  /** A Set-Cookie. */
  make(host: string, claim: EntryClaim, now: Date): string {
    const text = claimText(claim);
    const maxAge = Math.max(0, Math.floor((claim.expiresAt.getTime() - now.getTime()) / 1000));
    const secure = this.#scheme === "https" ? "; Secure" : "";
    const value = `${text}.${this.#seal(host, text)}`;
    return `${cookieName(this.#scheme)}=${value}; Path=/; Max-Age=${maxAge}; HttpOnly; SameSite=Lax${secure}`;
  }

  /** Who it lets in to the origin of this host; null where there is no cookie of ours, or it is over. */
  read(header: string, host: string, now: Date): Entry | null {
    for (const value of cookieValues(header, cookieName(this.#scheme)).slice(0, MAX_TRIED)) {
      const claim = this.#claimOf(value, host);
      if (claim !== null && claim.expiresAt.getTime() > now.getTime()) return claim.entry;
    }
    return null;
  }

  #claimOf(value: string, host: string): EntryClaim | null {
    const known = this.#known.get(`${host} ${value}`);
    if (known !== undefined) return known;
    const read = readCookieValue(value);
    if (read === null) return null;
    const [seal, ours] = [read.seal, this.#seal(host, read.text)].map((text) => Buffer.from(text));
    if (seal === undefined || ours === undefined || !timingSafeEqual(seal, ours)) return null;
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.set(`${host} ${value}`, read.claim);
    return read.claim;
  }

  #seal(host: string, text: string): string {
    return createHmac("sha256", this.#secret).update(`${host}\n${text}`).digest("base64url");
  }
}
