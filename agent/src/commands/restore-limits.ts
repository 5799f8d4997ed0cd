/** `restore-limits`: gives this host the kernel's limits back that an agent raised, before the next boot does it. */
import type { Config } from "../config/config.ts";
import { readBootId } from "../host/clock.ts";
import { limitSentence, restoreKernelLimits } from "../host/kernel-limits.ts";

export async function restoreLimits(
  { stateDir }: Pick<Config, "stateDir">,
  print: (text: string) => void,
): Promise<void> {
  for (const limit of restoreKernelLimits({ stateDir, bootId: await readBootId() }))
    print(limitSentence(limit));
}
