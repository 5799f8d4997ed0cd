/** For what a host may have a registry's credential: only for what it has been told to fetch. */
import type { HostId } from "@remotegpu/shared/values/ids";
import type { RegistryLoginQuestion } from "@remotegpu/shared/instance/image-fetch";
import type { Connection } from "../database/database.ts";
import { safeBigint } from "../database/values/old-values.ts";
import type { ImageUse } from "../hosts/images/image-terms.ts";

/** Whose use of the image the host asks for; null where it has no such order, or none any more. */
export async function useOfLogin(
  sql: Connection,
  hostId: HostId,
  question: RegistryLoginQuestion,
): Promise<ImageUse | null> {
  return "instanceId" in question.for
    ? await useOfPlacement(sql, { hostId, instanceId: question.for.instanceId, image: question.image })
    : await useOfFetch(sql, { hostId, fetchId: question.for.fetchId, image: question.image });
}

/** A placement that is to run there, with just this image. */
async function useOfPlacement(
  sql: Connection,
  { hostId, instanceId, image }: { hostId: HostId; instanceId: string; image: string },
): Promise<ImageUse | null> {
  const { rows } = await sql.query<ImageUse>(
    `SELECT r.ordered_by AS "customerId", r.workspace_id AS "workspaceId", p.spec ->> 'image' AS image
       FROM placements p JOIN runs r ON r.id = p.run_id
      WHERE p.instance_id = $1 AND p.host_id = $2 AND p.want = 'running' AND p.gone_at IS NULL
        AND p.spec ->> 'image' = $3`,
    [instanceId, hostId, image],
  );
  return rows[0] ?? null;
}

/** An image that it is to fetch for an order which waits for just that. */
async function useOfFetch(
  sql: Connection,
  { hostId, fetchId, image }: { hostId: HostId; fetchId: string; image: string },
): Promise<ImageUse | null> {
  const { rows } = await sql.query<ImageUse>(
    `SELECT ${safeBigint("e.customer_id")} AS "customerId", ${safeBigint("e.workspace_id")} AS "workspaceId", f.image
       FROM image_fetches f JOIN workloads e ON e.kind = f.workload_kind AND e.id = f.workload_id
      WHERE f.id = $1 AND f.host_id = $2 AND f.image = $3 AND f.ended_at IS NULL`,
    [fetchId, hostId, image],
  );
  return rows[0] ?? null;
}
