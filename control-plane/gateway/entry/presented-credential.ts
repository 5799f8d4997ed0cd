/**
 * What a request shows to come in: the token of a share in its address, a key of the API in a header, or the gateway's
 * cookie, in this order. Who that is, the database says, or said within the last minutes.
 */
import type { PlainCode } from "../../server/core/reasons/reason.ts";
import type { IncomingHttpHeaders } from "node:http";
import { sha256 } from "@remotegpu/shared/proof/row-hash";
import { isExpired } from "../../server/core/accounts/key-scopes.ts";
import type { Entry } from "../../server/core/gateway/entry.ts";
import { presentedKey } from "../../server/core/gateway/forwarded-headers.ts";
import { takeShareToken } from "../../server/core/gateway/share-token.ts";
import { actorOfKey, touchKey } from "../../server/store/accounts/api-keys.ts";
import type { Database } from "../../server/store/database/database.ts";
import { StoreError } from "../../server/store/database/store-error.ts";
import { openShare } from "../../server/store/environments/web/web-shares.ts";
import type { EntryCookies } from "./entry-cookies.ts";
import { RightsUnknown } from "./rights.ts";

const YOUNG_MS = 2_000;
const HOLDS_MS = 5 * 60_000;
const MAX_CACHED = 20_000;

/** `path`: without the token of a share. */
export type PresentedCredential = { path: string } & (
  | { by: "cookie" | "key"; entry: Entry }
  | { by: "share"; entry: Entry; expiresAt: Date }
  /** Something was shown that opens nothing, or nothing was. */
  | { by: "nothing"; reason: PlainCode }
);

interface CachedEntry {
  presented: { entry: Entry; expiresAt: Date | null };
  checkedAtMs: number;
}

export class PresentedEntries {
  readonly #db: Database;
  readonly #now: () => Date;
  readonly #cookies: EntryCookies | null;
  /** By the hash of a key or token. */
  readonly #cached = new Map<string, CachedEntry>();

  constructor({ db, now, cookies }: { db: Database; now: () => Date; cookies: EntryCookies | null }) {
    this.#db = db;
    this.#now = now;
    this.#cookies = cookies;
  }

  /** @throws RightsUnknown */
  async read({
    headers,
    host,
    path,
  }: {
    headers: IncomingHttpHeaders;
    host: string;
    path: string;
  }): Promise<PresentedCredential> {
    const taken = takeShareToken(path);
    if (taken.token !== null) {
      const found = await this.#found(sha256(taken.token), (hash) => this.#shareOf(hash));
      return found === null
        ? { by: "nothing", path: taken.path, reason: "share-link-unknown" }
        : {
            by: "share",
            path: taken.path,
            entry: found.entry,
            expiresAt: found.expiresAt ?? this.#now(),
          };
    }
    const key = presentedKey(headers);
    if (key !== null) {
      const found = await this.#found(sha256(key), (hash) => this.#personOf(hash));
      return found === null
        ? { by: "nothing", path, reason: "key-unknown" }
        : { by: "key", path, entry: found.entry };
    }
    const entry = this.#cookies?.read(headers.cookie ?? "", host, this.#now()) ?? null;
    return entry === null
      ? { by: "nothing", path, reason: "entry-link-missing" }
      : { by: "cookie", path, entry };
  }

  async #found(
    hash: string,
    request: (hash: string) => Promise<CachedEntry["presented"] | null>,
  ): Promise<CachedEntry["presented"] | null> {
    const cached = this.#cached.get(hash);
    const nowMs = this.#now().getTime();
    if (cached !== undefined && nowMs - cached.checkedAtMs < YOUNG_MS) return cached.presented;
    try {
      const presented = await request(hash);
      this.#cached.delete(hash);
      if (presented !== null) {
        if (this.#cached.size >= MAX_CACHED) this.#cached.clear();
        this.#cached.set(hash, { presented, checkedAtMs: nowMs });
      }
      return presented;
    } catch (cause) {
      if (!(cause instanceof StoreError)) throw cause;
      if (cached !== undefined && nowMs - cached.checkedAtMs < HOLDS_MS) return cached.presented;
      throw new RightsUnknown({ cause });
    }
  }

  /** Whether its account may still do anything is asked with what it may do. */
  async #personOf(hash: string): Promise<CachedEntry["presented"] | null> {
    const found = await actorOfKey(this.#db, hash);
    if (found === null || isExpired(found.actor.keyExpiresAt, this.#now())) return null;
    await touchKey(this.#db, found, this.#now());
    const { customerId, apiKeyId: keyId } = found.actor;
    return { entry: { kind: "person", customerId, keyId }, expiresAt: null };
  }

  async #shareOf(hash: string): Promise<CachedEntry["presented"] | null> {
    const share = await openShare(this.#db, hash, this.#now());
    return share === null
      ? null
      : { entry: { kind: "share", shareId: share.id }, expiresAt: share.expiresAt };
  }
}
