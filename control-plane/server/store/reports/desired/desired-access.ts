/**
 * Whom a host is to let into its environments by SSH, as it is at this moment: what opens each, and the keys of all who
 * may, administrators with a ticket and the terminal in the browser among them. A host whose agent serves no SSH is told
 * nothing of it.
 */
import type { InstanceId } from "@remotegpu/shared/values/ids";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import { type KeySet, MAX_SETS_OF_INSTANCE } from "@remotegpu/shared/instance/ssh-access";
import type { HostKeys } from "../../../core/environments/host-keys.ts";
import type { TerminalKeys } from "../../../core/environments/terminal-keys.ts";
import { sshDoor } from "../../../core/leases/ssh-server.ts";
import type { Connection } from "../../database/database.ts";
import { openTickets } from "../../environments/access/ssh-tickets.ts";
import { entrants } from "../../environments/entrants.ts";
import { servedEnvironments } from "../../environments/served-environments.ts";

type Ssh = NonNullable<DesiredInstance["live"]["ssh"]>;

export interface DesiredAccess {
  of: ReadonlyMap<InstanceId, Ssh>;
  keySets: KeySet[];
}

/** The access to the environments that are to run there. */
export async function desiredAccess(
  sql: Connection,
  { hostId, hostKeys, terminalKeys }: { hostId: string; hostKeys: HostKeys; terminalKeys: TerminalKeys },
): Promise<DesiredAccess> {
  const served = (await servedEnvironments(sql, { hostId }))
    .map((environment) => ({
      ...environment,
      door: sshDoor(environment),
      terminal: environment.web_terminal_enabled
        ? [terminalKeys.keySetOf({ ...environment, environmentId: environment.id })]
        : [],
    }))
    .filter(({ door }) => door !== "none");
  const isOpen = ({ door }: { door: string }) => door === "open";
  if (served.length === 0) return { of: new Map(), keySets: [] };
  const open = served.filter(isOpen);
  const openIds = open.map(({ id }) => id);
  const [{ keySetsOf, keySets }, tickets] = await Promise.all([
    entrants(sql, open),
    openTickets(sql, openIds),
  ]);
  const ticketsOf = ({ id }: { id: string }) => tickets.get(id) ?? [];
  const people = (environment: (typeof open)[number]) => [
    ...ticketsOf(environment).map(({ id }) => id),
    ...keySetsOf(environment),
  ];
  return {
    of: new Map(
      served.map((environment) => [
        environment.instanceId,
        {
          keySets: [
            ...environment.terminal.map(({ id }) => id),
            ...(isOpen(environment) ? people(environment) : []),
          ].slice(0, MAX_SETS_OF_INSTANCE),
          passwordHash: isOpen(environment) ? environment.passwordHash : null,
          hostKey: hostKeys.privatePemOf(environment.id),
        },
      ]),
    ),
    keySets: [
      ...keySets.values(),
      ...[...tickets.values()].flat(),
      ...served.flatMap(({ terminal }) => terminal),
    ],
  };
}

/** Where it is to run; one that is to end lets nobody in. */
export function withAccess(order: DesiredInstance, ssh: Ssh | undefined): DesiredInstance {
  return ssh === undefined || order.want !== "running" ? order : { ...order, live: { ...order.live, ssh } };
}
