/**
 * Writes a request's row of the audit log into the transaction of its change: no change without its row, and no row of
 * a change that did not come. A request that changes things in several transactions has one row, and another for each
 * later one that changes the same thing again. A transaction after which nothing is known of the thing that is to be made
 * did not make it (an alarm was raised, and the request is refused): no row says that it is done.
 */
import type { QueryResultRow } from "pg";
import type { AuditFields } from "../../core/accounts/audit-difference.ts";
import type { AuditScope } from "../database/audit-scope.ts";
import type { Connection, Database } from "../database/database.ts";
import { transaction } from "../database/transaction.ts";
import { appendAuditEntries, type AuditEntry } from "./audit-log.ts";
import { type AuditTargetKind, differenceOf, idMade, rowsOf } from "./audit-targets.ts";

/** What is known of a row before the change. */
export type AuditTemplate = Omit<AuditEntry, "targetKind" | "targetId" | "before" | "after" | "attempts">;

export interface AuditedRequest {
  target: AuditTargetKind | null;
  /** The target's; null where the request makes it. Asked, like the template, when who asks is known. */
  targetId: () => string | null;
  template: () => AuditTemplate;
}

export class RequestAuditScope implements AuditScope {
  readonly #request: AuditedRequest;
  #isPresent = true;
  #madeId: string | null = null;
  #before: AuditFields | null = null;
  #isSealed = false;
  #hasRow = false;

  constructor(request: AuditedRequest) {
    this.#request = request;
  }

  get isPresent(): boolean {
    return this.#isPresent;
  }

  /** True once a row of this request is there. */
  get hasRow(): boolean {
    return this.#hasRow;
  }

  get targetId(): string | null {
    return this.#request.targetId() ?? this.#madeId;
  }

  async before(sql: Connection): Promise<void> {
    // What the request made in a transaction that was rolled back is not there.
    if (!this.hasRow) this.#madeId = null;
    const { target } = this.#request;
    const id = this.targetId;
    this.#before =
      target === null || id === null ? null : ((await rowsOf(sql, target, [id])).get(id) ?? null);
  }

  sawMade(kind: string, rows: readonly QueryResultRow[]): void {
    const id = kind === this.#request.target ? idMade(rows) : null;
    if (id !== null) this.made(id);
  }

  made(id: string): void {
    this.#madeId = id;
  }

  async seal(sql: Connection, auditScopes: readonly AuditScope[]): Promise<void> {
    const ours = auditScopes.filter((one) => one instanceof RequestAuditScope);
    const rows = new Map<AuditTargetKind, ReadonlyMap<string, AuditFields>>();
    for (const kind of new Set(ours.flatMap((one) => one.#request.target ?? []))) {
      const ids = ours.filter((one) => one.#request.target === kind).flatMap((one) => one.targetId ?? []);
      if (ids.length > 0) rows.set(kind, await rowsOf(sql, kind, ids));
    }
    await appendAuditEntries(
      sql,
      ours.flatMap((one) => one.#sealedEntry(rows) ?? []),
    );
  }

  committed(): void {
    if (this.#isSealed) this.#hasRow = true;
  }

  /**
   * A row of its own, for what is done elsewhere than in the database: it is there before that is, with the standby, too,
   * where one must confirm, and with it whatever was committed before, such as the claim of the request's key.
   */
  async writeAlone(db: Database, after: AuditFields | null): Promise<void> {
    const entry = this.#entryOf({ before: null, after });
    await transaction(db, async (sql) => await appendAuditEntries(sql, [entry]), { acknowledges: true });
    this.#hasRow = true;
  }

  /** The request has been answered. */
  end(): void {
    this.#isPresent = false;
  }

  #sealedEntry(rows: ReadonlyMap<AuditTargetKind, ReadonlyMap<string, AuditFields>>): AuditEntry | null {
    const entry = this.#entry(rows);
    this.#isSealed = entry !== null;
    return entry;
  }

  /**
   * Null for a later transaction of the request that changed other things, whose row is there, and for one that has not
   * made what is to be made.
   */
  #entry(rows: ReadonlyMap<AuditTargetKind, ReadonlyMap<string, AuditFields>>): AuditEntry | null {
    const { target } = this.#request;
    if (target !== null && this.targetId === null) return null;
    const after = target === null ? null : (rows.get(target)?.get(this.targetId ?? "") ?? null);
    const difference =
      target === null ? { before: null, after: null } : differenceOf(target, this.#before, after);
    if (this.hasRow && difference.before === null && difference.after === null) return null;
    return this.#entryOf(difference);
  }

  #entryOf(difference: Pick<AuditEntry, "before" | "after">): AuditEntry {
    const { target, template } = this.#request;
    return {
      ...template(),
      targetKind: target,
      targetId: this.targetId,
      attempts: 1,
      ...difference,
    };
  }
}
