/** One storage pool with one host that samples it as an agent does, and something of each workspace in it. */
import { answerStorage } from "@remotegpu/control-plane/server/controllers/billing/storage-sampling";
import { insertData } from "@remotegpu/control-plane/server/store/accounts/catalogue";
import { addPrice } from "@remotegpu/control-plane/server/store/billing/prices/prices";
import type { Database, Transaction } from "@remotegpu/control-plane/server/store/database/database";
import { setSetting } from "@remotegpu/control-plane/server/store/accounts/settings";
import { setPoolDisk } from "@remotegpu/control-plane/server/store/billing/storage/storage-pools";
import type { HostId } from "@remotegpu/shared/values/ids";
import { MAX_SAMPLE_BYTES } from "@remotegpu/shared/messages/storage-sampling";

const SAMPLER = "pool-host" as HostId;
const POOL = "pool";

export interface StoredResource {
  readonly workspaceId: number;
  readonly ownerId: number;
  readonly name: string;
}

export async function openStoragePool(
  tx: Transaction,
  {
    price,
    freeGb,
    resources,
    diskBytes = MAX_SAMPLE_BYTES,
  }: { price: string; freeGb: string; resources: readonly StoredResource[]; diskBytes?: number },
): Promise<void> {
  await setSetting(tx, "FREE_STORAGE_GB", freeGb);
  await tx.query(
    "INSERT INTO hosts (id, name, ip_address, storage_pool, connection) VALUES ($1, $1, '', $2, 'connected')",
    [SAMPLER, POOL],
  );
  // Unless a test is about that, the disk holds all that can be claimed.
  await setPoolDisk(tx, { name: POOL, diskBytes, by: "admin 1", at: new Date(0) });
  // Whatever day it is about has the price.
  const effectiveFrom = new Date(0);
  const line = { spec: "storage", line: "storage", billingUnit: "day", createdBy: null } as const;
  await addPrice(tx, { ...line, unitPrice: price, effectiveFrom }, new Date(0));
  for (const { workspaceId, ownerId, name } of resources)
    await insertData(tx, "dataset", {
      customerId: ownerId,
      customerUuid: "",
      workspaceId,
      name,
      description: null,
      visibility: "private",
      storagePath: `data/${name}`,
      storagePools: [POOL],
      framework: null,
    });
}

/** A version of a dataset that is there and checked, in the pool of a host that never samples. */
export async function sealCopy(
  tx: Transaction,
  { workspaceId, ownerId, bytes, at }: { workspaceId: number; ownerId: number; bytes: number; at: Date },
): Promise<void> {
  const { id } = await insertData(tx, "dataset", {
    customerId: ownerId,
    customerUuid: "",
    workspaceId,
    name: "sealed",
    description: null,
    visibility: "private",
    storagePath: "sealed/files",
    storagePools: [],
    framework: null,
  });
  await tx.query(
    "INSERT INTO hosts (id, name, ip_address) VALUES ('holder', 'holder', '') ON CONFLICT DO NOTHING",
  );
  await tx.query(
    `INSERT INTO data_copies (dataset_id, version, storage_pool, folder, status, manifest_sha256, total_size, file_count,
            begun_by, begun_at, ready_at)
     VALUES ($1, 1, 'holder', 'sealed', 'ready', repeat('0', 64), $2, 1, $3, $4, $4)`,
    [id, bytes, ownerId, at],
  );
}

/** Asks what to measure, and tells it; null, or left out, is what could not be measured. Once an hour. */
export async function sampleStorage(
  database: Database,
  bytesOfWorkspace: ReadonlyMap<number, number | null>,
  now: Date,
): Promise<void> {
  const deps = { db: database, now: () => now };
  const order = await answerStorage(deps, SAMPLER, { kind: "storage-question", after: null });
  if (order.kind !== "storage-order") throw new Error(`no order but ${JSON.stringify(order)}`);
  const taken = await answerStorage(deps, SAMPLER, {
    kind: "storage-report",
    hourMs: order.hourMs,
    sums: order.folders.map(({ owner }) => ({ owner, bytes: bytesOfWorkspace.get(Number(owner)) ?? null })),
    isLast: true,
  });
  if (taken.kind !== "storage-taken") throw new Error(`not taken: ${JSON.stringify(taken)}`);
}
