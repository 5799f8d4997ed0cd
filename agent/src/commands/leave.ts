/** `is-removed` and `leave`: what a host can ask and do once it was taken out of the fleet. */
import type { Config } from "../config/config.ts";
import { setAsideMembership } from "../link/former-membership.ts";
import { clean } from "./clean.ts";
import { CommandRefusedError } from "./command-refused.ts";
import { removalOf } from "./membership.ts";

/** Refused where the control plane has not taken this host out of the fleet, or cannot say so. */
export async function isRemoved(config: Config, print: (text: string) => void): Promise<void> {
  const { removal, reason } = await removalOf(config);
  if (removal === null) throw new CommandRefusedError(reason);
  print(reason);
}

/** Makes a host that was taken out of the fleet one that can join: what it ran ends, what it knew is put aside. */
export async function leave(config: Config, print: (text: string) => void): Promise<void> {
  const { removal, reason } = await removalOf(config);
  if (removal === null) throw new CommandRefusedError(reason);
  await clean(config, print);
  const aside = setAsideMembership(config.stateDir, removal);
  print(`${reason}; its key and its journal are in ${aside} now.`);
}
