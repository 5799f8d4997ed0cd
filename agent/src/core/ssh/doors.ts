/** What an order says of the way into its instance by SSH, with the keys of all whom it names. */
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import type { KeySet } from "@remotegpu/shared/instance/ssh-access";
import type { SshDoor } from "./live-files.ts";

/** All of a door but what only the running container tells, and the sets that its keys are of. */
export type OrderedDoor = Omit<SshDoor, "home"> & { keySets: readonly string[] };

/** Null where nobody enters it: none was ordered, or its server has no key to show. */
export function doorOf({ live: { ssh } }: DesiredInstance, keySets: readonly KeySet[]): OrderedDoor | null {
  if (ssh?.hostKey === undefined) return null;
  const named = new Set(ssh.keySets);
  return {
    keySets: ssh.keySets,
    keys: keySets
      .filter(({ id }) => named.has(id))
      .flatMap(({ keys }) =>
        keys.map(({ id, line, expiresAt = null }) => ({ id: String(id), line, expiresAt })),
      ),
    hostKeyPem: ssh.hostKey,
    passwordHash: ssh.passwordHash ?? null,
  };
}
