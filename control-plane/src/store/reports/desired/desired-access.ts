/**
 * Whom a host is to let into its environments by SSH, as it is at this moment: what opens each, and the keys of all who
 * may. A host whose agent serves no SSH is told nothing of it.
 */
import type { InstanceId } from "@remotegpu/shared/ids";
import type { DesiredInstance } from "@remotegpu/shared/instance";
import type { KeySet } from "@remotegpu/shared/ssh-access";
import type { HostKeys } from "../../../core/environments/host-keys.ts";
import { sshDoor } from "../../../core/leases/ssh-server.ts";
import type { Connection } from "../../database/database.ts";
import { entrants } from "../../environments/entrants.ts";
import { servedEnvironments } from "../../environments/served-environments.ts";

type Ssh = NonNullable<DesiredInstance["live"]["ssh"]>;

export interface DesiredAccess {
  of: ReadonlyMap<InstanceId, Ssh>;
  keySets: KeySet[];
}

/** Of the environments that are to run there. */
export async function desiredAccess(
  sql: Connection,
  { hostId, hostKeys }: { hostId: string; hostKeys: HostKeys },
): Promise<DesiredAccess> {
  const served = (await servedEnvironments(sql, hostId))
    .map((environment) => ({ ...environment, door: sshDoor(environment) }))
    .filter(({ door }) => door !== "none");
  const isOpen = ({ door }: { door: string }) => door === "open";
  if (served.length === 0) return { of: new Map(), keySets: [] };
  const { keySetsOf, keySets } = await entrants(sql, served.filter(isOpen));
  return {
    of: new Map(
      served.map((environment) => [
        environment.instanceId,
        {
          keySets: isOpen(environment) ? keySetsOf(environment) : [],
          passwordHash: isOpen(environment) ? environment.passwordHash : null,
          hostKey: hostKeys.privatePemOf(environment.id),
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
