/**
 * Logs in at JupyterLab for whoever may enter it: each request to it carries the token of its run, so that nobody is asked
 * for one. A token is two seconds old at most, as rights are, and the last one holds while Postgres is away.
 */
import type { JupyterTokens } from "../../server/core/environments/jupyter-tokens.ts";
import type { Database } from "../../server/store/database/database.ts";
import { StoreError } from "../../server/store/database/store-error.ts";
import { jupyterTokenOf } from "../../server/store/environments/jupyter-tokens.ts";
import type { Visit } from "../entry/visit.ts";

const YOUNG_MS = 2_000;
/** Beyond them the one that was asked for first is asked for anew. */
const MAX_CACHED = 20_000;

type Headers = Readonly<Record<string, string>>;
type CachedEntry = { checkedAtMs: number; headers: Promise<Headers> };

const NONE: Headers = {};

export class JupyterLogin {
  readonly #db: Database;
  readonly #now: () => Date;
  readonly #tokens: JupyterTokens;
  readonly #cached = new Map<string, CachedEntry>();

  constructor({ db, now, tokens }: { db: Database; now: () => Date; tokens: JupyterTokens }) {
    this.#db = db;
    this.#tokens = tokens;
    this.#now = now;
  }

  /** For the proxy, over what a client sent. */
  headersFor({
    target,
    environment: { id },
  }: Pick<Visit, "target" | "environment">): Headers | Promise<Headers> {
    if (target !== "jupyter") return NONE;
    const stored = this.#cached.get(id);
    const checkedAtMs = this.#now().getTime();
    if (stored !== undefined && checkedAtMs - stored.checkedAtMs < YOUNG_MS) return stored.headers;
    const headers = this.#request(id, stored);
    this.#cached.delete(id);
    this.#cached.set(id, { checkedAtMs, headers });
    const [oldest] = this.#cached.keys();
    if (this.#cached.size > MAX_CACHED && oldest !== undefined) this.#cached.delete(oldest);
    return headers;
  }

  async #request(environmentId: string, before: CachedEntry | undefined): Promise<Headers> {
    try {
      const token = await jupyterTokenOf(this.#db, this.#tokens, environmentId);
      return token === null ? NONE : { authorization: `token ${token}` };
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      return await (before?.headers ?? NONE);
    }
  }
}
