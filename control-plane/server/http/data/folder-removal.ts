/**
 * Folders of what is no more are removed by a host of their pool, behind the answer. They are listed before, and stay
 * listed for an operator where no host could.
 */
import type { HostId } from "@remotegpu/shared/values/ids";
import { hostsOfPool } from "../../store/hosts/pools/pool-hosts.ts";
import { type DataFolder, removed } from "../../store/spending/data/folders.ts";
import type { ApiContext } from "../deps.ts";

export function removeFolders(
  c: ApiContext,
  { customerId, folders }: { customerId: number; folders: readonly DataFolder[] },
): void {
  const { deps } = c.var;
  const remove = async () => {
    for (const folder of folders)
      if (await isRemoved(c, folder)) await removed(deps.db, { customerId, folder });
  };
  remove().catch((error: unknown) => deps.log.warn({ error }, "a folder could not be removed from its pool"));
}

async function isRemoved(c: ApiContext, { storage_pool: pool, folder }: DataFolder): Promise<boolean> {
  if (pool === null) return false;
  const { db, files } = c.var.deps;
  for (const host of await hostsOfPool(db, { pool })) {
    const reply = await files.request(host.id as HostId, {
      method: "DELETE",
      route: "/tree",
      folder,
      path: "",
    });
    if (!reply.isReached) continue;
    reply.answer.cancel();
    if (reply.answer.status === 204) return true;
  }
  return false;
}
