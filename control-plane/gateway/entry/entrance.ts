/**
 * Where people come in: the one-time link of an origin, which leaves a cookie there and leads on to the page without what
 * it carried, and the link that was shared with them, which does so each time.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { sha256 } from "@remotegpu/shared/proof/row-hash";
import type { Log } from "@remotegpu/shared/log";
import { MS_PER_HOUR } from "@remotegpu/shared/values/units";
import type { WebTarget } from "../../server/core/environments/web-target.ts";
import { ticketOf } from "../../server/core/gateway/web-link.ts";
import type { NamedEnvironment } from "../../server/core/gateway/origin.ts";
import { answer } from "../answers/answers.ts";
import { notIn } from "../answers/refusals.ts";
import { environmentByHash } from "../../server/store/environments/web/entry-states.ts";
import { useLink } from "../../server/store/environments/web/web-links.ts";
import { touchShares } from "../../server/store/environments/web/web-shares.ts";
import type { Database } from "../../server/store/database/database.ts";
import { StoreError } from "../../server/store/database/store-error.ts";
import type { EntryCookies } from "./entry-cookies.ts";
import { RightsUnknown } from "./rights.ts";
import type { PresentedCredential } from "./presented-credential.ts";

/** What a cookie opens is asked each time; this only ends those that were forgotten somewhere. */
const COOKIE_HOURS = 24;
/** Last uses of shares are written together. */
const WRITE_EVERY_MS = 5_000;
const MAX_KNOWN_HASHES = 10_000;

const PENDING = { "Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "Content-Length": "0" };

interface Origin {
  host: string;
  target: WebTarget;
  environment: NamedEnvironment;
}

export class Entrance {
  readonly #db: Database;
  readonly #now: () => Date;
  readonly #log: Log;
  readonly #cookies: EntryCookies;
  readonly #scheme: "http" | "https";
  readonly #byHash = new Map<string, string>();
  readonly #usedShares = new Set<number>();
  #writing: NodeJS.Timeout | null = null;

  constructor(parts: {
    db: Database;
    now: () => Date;
    log: Log;
    cookies: EntryCookies;
    scheme: "http" | "https";
  }) {
    this.#db = parts.db;
    this.#now = parts.now;
    this.#log = parts.log;
    this.#cookies = parts.cookies;
    this.#scheme = parts.scheme;
  }

  /** False where this is no path of the entrance. @throws RightsUnknown */
  async request(request: IncomingMessage, response: ServerResponse, origin: Origin): Promise<boolean> {
    const ticket = ticketOf(request.url ?? "");
    // A HEAD of something that looks at links must not use one up.
    if (ticket === null || request.method !== "GET") return false;
    const environmentId = await this.environmentId(origin.environment);
    const now = this.#now();
    const entry =
      environmentId === null || ticket === ""
        ? null
        : await this.#requested(() =>
            useLink(this.#db, { tokenHash: sha256(ticket), environmentId, target: origin.target, now }),
          );
    if (entry === null) {
      answer(request, response, notIn("entry-link-used"));
      return true;
    }
    const expiresAt = new Date(now.getTime() + COOKIE_HOURS * MS_PER_HOUR);
    response
      .writeHead(303, {
        ...PENDING,
        Location: "/",
        "Set-Cookie": this.#cookies.make(origin.host, { entry, expiresAt }, now),
      })
      .end();
    return true;
  }

  /** A browser with a link that was shared: it gets a cookie, and an address without the token. */
  bringIn(
    response: ServerResponse,
    { host, presented }: { host: string; presented: PresentedCredential },
  ): void {
    if (presented.by !== "share") return;
    const { entry, expiresAt, path } = presented;
    response
      .writeHead(303, {
        ...PENDING,
        // Whole, since a path may begin with two slashes and would name another host.
        Location: `${this.#scheme}://${host}${path}`,
        "Set-Cookie": this.#cookies.make(host, { entry, expiresAt }, this.#now()),
      })
      .end();
  }

  /** Null where an id stands in the name by its hash, and none has it. @throws RightsUnknown */
  async environmentId(named: NamedEnvironment): Promise<string | null> {
    if ("id" in named) return named.id;
    const known = this.#byHash.get(named.hash);
    if (known !== undefined) return known;
    const found = await this.#requested(() => environmentByHash(this.#db, named.hash));
    if (found === null) return null;
    if (this.#byHash.size >= MAX_KNOWN_HASHES) this.#byHash.clear();
    this.#byHash.set(named.hash, found);
    return found;
  }

  noteShare(shareId: number): void {
    this.#usedShares.add(shareId);
    this.#writing ??= setTimeout(() => void this.#writeUses(), WRITE_EVERY_MS);
  }

  async stop(): Promise<void> {
    if (this.#writing === null) return;
    clearTimeout(this.#writing);
    await this.#writeUses();
  }

  async #writeUses(): Promise<void> {
    this.#writing = null;
    const used = [...this.#usedShares];
    this.#usedShares.clear();
    try {
      await touchShares(this.#db, used, this.#now());
    } catch (error) {
      this.#log.warn({ error }, "that shares were used could not be written");
    }
  }

  async #requested<T>(request: () => Promise<T>): Promise<T> {
    try {
      return await request();
    } catch (cause) {
      if (!(cause instanceof StoreError)) throw cause;
      throw new RightsUnknown({ cause });
    }
  }
}
