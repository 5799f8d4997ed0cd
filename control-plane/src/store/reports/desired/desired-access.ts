/**
 * Whom a host is to let into its environments by SSH, as it is at this moment: what opens each, and the keys of all who
 * may. A host whose agent serves no SSH is told nothing of it.
 */
import type { InstanceId } from "@remotegpu/shared/ids";
import type { DesiredInstance } from "@remotegpu/shared/instance";
import type { KeySet } from "@remotegpu/shared/ssh-access";
import type { HostKeys } from "../../../core/environments/host-keys.ts";
import type { Enterable } from "../../../core/environments/entrants.ts";
import { sshDoor } from "../../../core/leases/ssh-server.ts";
import { LIVE } from "../../accounts/workspaces.ts";
import { safeBigint } from "../../database/values/old-values.ts";
import type { Connection } from "../../database/database.ts";
import { entrants } from "../../environments/entrants.ts";
import { SERVES_SSH } from "../../hosts/host-features.ts";

type Ssh = NonNullable<DesiredInstance["live"]["ssh"]>;

export interface DesiredAccess {
  of: ReadonlyMap<InstanceId, Ssh>;
  keySets: KeySet[];
}

type PlacedEnvironment = Enterable & Parameters<typeof sshDoor>[0] & { instance_id: InstanceId; id: string };

/** Of the environments that are to run there. */
export async function desiredAccess(
  sql: Connection,
  { hostId, hostKeys }: { hostId: string; hostKeys: HostKeys },
): Promise<DesiredAccess> {
  const { rows } = await sql.query<PlacedEnvironment>(
    `SELECT p.instance_id, e.id, ${safeBigint("e.customer_id")} AS "customerId", w.id AS "workspaceId",
            coalesce(e.ssh_enabled, true) AS ssh_enabled,
            coalesce(e.web_terminal_enabled, true) AS web_terminal_enabled, e.config
       FROM hosts h JOIN placements p ON p.host_id = h.id AND p.gone_at IS NULL AND p.want = 'running'
       JOIN instances i ON i.id = p.instance_id AND i.workload_kind = 'environment'
       JOIN environments e ON e.id = i.workload_id AND e.deleted_at IS NULL
       LEFT JOIN workspaces w ON w.id = e.workspace_id AND ${LIVE}
      WHERE h.id = $1 AND ${SERVES_SSH}`,
    [hostId],
  );
  const served = rows.filter((row) => sshDoor(row) !== "none");
  if (served.length === 0) return { of: new Map(), keySets: [] };
  const { keySetsOf, keySets } = await entrants(
    sql,
    served.filter((row) => sshDoor(row) === "open"),
  );
  return {
    of: new Map(
      served.map((row) => [
        row.instance_id,
        {
          keySets: sshDoor(row) === "open" ? keySetsOf(row) : [],
          hostKey: hostKeys.privatePemOf(row.id),
        },
      ]),
    ),
    keySets: [...keySets.values()],
  };
}

/** Where it is to run; one that is to end lets nobody in. */
export function withAccess(order: DesiredInstance, ssh: Ssh | undefined): DesiredInstance {
  return ssh === undefined || order.want !== "running" ? order : { ...order, live: { ...order.live, ssh } };
}
