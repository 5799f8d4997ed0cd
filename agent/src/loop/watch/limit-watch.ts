/**
 * Keeps the kernel's limits raised while the agent runs, with a line in the log for each change. Others lower them: a
 * package that applies the operator's sysctl files anew, another agent of this host that is taken away.
 */
import type { Log } from "@remotegpu/shared/log";
import {
  limitSentence,
  raiseKernelLimits,
  restoreKernelLimits,
  unreadableLimits,
  type LimitsPlace,
  type SetLimit,
} from "../../host/kernel-limits.ts";

export class LimitWatch {
  readonly #place: LimitsPlace;
  readonly #raises: boolean;
  readonly #log: Log;
  /** What the kernel refused is tried again each time, and told once. */
  readonly #refused = new Set<string>();
  readonly #unreadable = new Set<string>();

  /** @param raises false where the operator looks after them */
  constructor(place: LimitsPlace, { raises, log }: { raises: boolean; log: Log }) {
    this.#place = place;
    this.#raises = raises;
    this.#log = log;
  }

  raise(): void {
    if (!this.#raises) return;
    for (const limit of raiseKernelLimits(this.#place)) this.#report(limit);
    for (const [name, why] of unreadableLimits(this.#place)) {
      if (this.#unreadable.has(name)) continue;
      this.#unreadable.add(name);
      this.#log.error(
        { name },
        `the kernel's limit ${name} is left as it is, since it cannot be read: ${why}`,
      );
    }
  }

  /** For the end of a host: what nobody has changed since is as it was before. */
  giveBack(): void {
    for (const limit of restoreKernelLimits(this.#place)) this.#report(limit);
  }

  #report(limit: SetLimit): void {
    const { name, refusal, forgotten } = limit;
    if (refusal === undefined) this.#refused.delete(name);
    else if (this.#refused.has(name)) return;
    else this.#refused.add(name);
    const isAsWanted = refusal === undefined && forgotten === undefined;
    this.#log[isAsWanted ? "info" : "error"](limit, limitSentence(limit));
  }
}
