/** The environments that are to run on hosts whose agents serve SSH, with what decides about their doors. */
import type { InstanceId } from "@remotegpu/shared/values/ids";
import type { Enterable } from "../../core/environments/entrants.ts";
import type { SshServer } from "../../core/leases/ssh-server.ts";
import { LIVE } from "../accounts/workspaces.ts";
import type { Connection } from "../database/database.ts";
import { safeBigint } from "../database/values/old-values.ts";
import { SERVES_SSH } from "../hosts/host-features.ts";

export interface ServedEnvironment extends Enterable {
  id: string;
  instanceId: InstanceId;
  placementEpoch: number;
  ssh_enabled: boolean;
  web_terminal_enabled: boolean;
  config: { ssh?: SshServer } | null;
  /** The hash of its generated password; null: it has none. */
  passwordHash: string | null;
}

/** The environments of a host, none where its agent serves none; or those of these ids. */
export async function servedEnvironments(
  sql: Connection,
  which: { hostId: string } | { environmentIds: readonly string[] },
): Promise<ServedEnvironment[]> {
  const { rows } = await sql.query<ServedEnvironment>(
    `SELECT p.instance_id AS "instanceId", p.epoch AS "placementEpoch", e.id, ${safeBigint("e.customer_id")} AS "customerId",
            w.id AS "workspaceId", coalesce(e.ssh_enabled, true) AS ssh_enabled,
            coalesce(e.web_terminal_enabled, true) AS web_terminal_enabled, e.config,
            s.hash AS "passwordHash"
       FROM hosts h JOIN placements p ON p.host_id = h.id AND p.gone_at IS NULL AND p.want = 'running'
       JOIN instances i ON i.id = p.instance_id AND i.workload_kind = 'environment'
       JOIN environments e ON e.id = i.workload_id AND e.deleted_at IS NULL
       LEFT JOIN ssh_passwords s ON s.env_id = e.id
       LEFT JOIN workspaces w ON w.id = e.workspace_id AND ${LIVE}
      WHERE ${"hostId" in which ? "h.id = $1" : "e.id = ANY($1::text[])"} AND ${SERVES_SSH}`,
    ["hostId" in which ? which.hostId : which.environmentIds],
  );
  return rows;
}
