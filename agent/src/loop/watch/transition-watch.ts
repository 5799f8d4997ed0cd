/** Says which runs have been starting or stopping for too long (core/reconcile/transitions.ts): in log, report and flags. */
import type { RunId } from "@remotegpu/shared/values/ids";
import type { ObservedInstance } from "@remotegpu/shared/instance/instance";
import type { Log } from "@remotegpu/shared/log";
import {
  isOverdue,
  overdueText,
  transitionsAfter,
  type RunTransition,
} from "../../core/reconcile/transitions.ts";

export class TransitionWatch {
  readonly #log: Log;
  #transitions: ReadonlyMap<RunId, RunTransition> = new Map();
  #overdue: ReadonlyMap<RunId, RunTransition> = new Map();

  constructor(log: Log) {
    this.#log = log;
  }

  /** As the heartbeat says it. */
  get degraded(): string[] {
    const phases = new Set([...this.#overdue.values()].map(({ phase }) => phase));
    return [
      ...(phases.has("stopping") ? ["stops-overdue"] : []),
      ...(phases.has("starting") ? ["starts-overdue"] : []),
    ];
  }

  /** The instances as they are to be reported. */
  check(instances: readonly ObservedInstance[], nowMs: number): ObservedInstance[] {
    this.#transitions = transitionsAfter(this.#transitions, instances, nowMs);
    const overdue = new Map([...this.#transitions].filter(([, transition]) => isOverdue(transition, nowMs)));
    for (const [runId, { phase }] of overdue)
      if (!this.#overdue.has(runId)) this.#log.error({ runId, phase }, `run ${runId}: ${phase} is overdue`);
    this.#overdue = overdue;
    return instances.map((instance) => {
      const late = overdue.get(instance.runId);
      return late === undefined ? instance : { ...instance, ...overdueText(instance, late) };
    });
  }
}
