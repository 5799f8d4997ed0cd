/** A host that has other bytes of a sealed version than were sealed: who looks after the fleet is told, by an alarm. */
import { noteOtherBytes } from "../../../store/hosts/pools/other-bytes.ts";
import type { PoolHost } from "../../../store/hosts/pools/pool-hosts.ts";
import { transaction } from "../../../store/database/transaction.ts";
import type { CopyRow } from "../../../store/spending/data/copies.ts";
import type { ApiContext } from "../../deps.ts";

/** Where it lies, and which version it is. */
export type CopyPlace = Pick<CopyRow, "id" | "storagePool" | "folder" | "version">;

/** Never fails: whoever reads is refused the bytes whether this is written down or not. */
export async function reportOtherBytes(c: ApiContext, host: PoolHost, copy: CopyPlace): Promise<void> {
  const { db, now, log } = c.var.deps;
  const of = { host: host.id, pool: copy.storagePool, folder: copy.folder };
  try {
    const isSealed = await transaction(db, (sql) => noteOtherBytes(sql, { host, copy, now: now() }));
    if (isSealed) log.error(of, "a host has other bytes of a sealed version than were sealed");
    else log.info(of, "a sealed version was deleted while it was read");
  } catch (error) {
    log.error({ ...of, error }, "the alarm of other bytes could not be raised");
  }
}
