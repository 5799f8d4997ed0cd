/** Whether this host belongs to a fleet: by its own files, and by the control plane's word. */
import type { HostId } from "@remotegpu/shared/values/ids";
import { credentialFile, keyFile, type Config } from "../config/config.ts";
import { loadCredential, renewCredential, type SavedCredential } from "../link/credential.ts";
import { openHostKey } from "../link/nkey.ts";
import { CommandRefusedError } from "./command-refused.ts";

/** What this host has joined with. @throws CommandRefusedError with this refusal where it has not */
export function membershipOf(stateDir: string, refusal: string): SavedCredential {
  const credential = loadCredential(credentialFile(stateDir));
  if (credential === null) throw new CommandRefusedError(refusal);
  return credential;
}

/**
 * Asks the control plane; the host's id where it was taken out of the fleet, else null.
 * @throws CommandRefusedError, ApiUnreachableError
 */
export async function removalOf({
  stateDir,
}: Pick<Config, "stateDir">): Promise<{ removal: HostId | null; reason: string }> {
  const credential = membershipOf(stateDir, `${stateDir} belongs to no fleet.`);
  const renewal = await renewCredential(credential, openHostKey(keyFile(stateDir)));
  if (renewal.renewed) return { removal: null, reason: "This host is in the fleet." };
  return { removal: renewal.isRemoved ? credential.grant.host_id : null, reason: renewal.reason };
}
