/**
 * What gateways have open to instances that drain, over this process's own relay and those of before upgrades. Of an instance
 * it is known once each of them has told it after it had let in nothing more: so it is never too little.
 */
import type { InstanceId } from "@remotegpu/shared/values/ids";
import type { RelayId } from "./session-registry.ts";
import type { ReachableInstance } from "../control/control-messages.ts";
import type { OpenAtInstance } from "../relay/relay-messages.ts";

/** Those of before upgrades have found this process by then; they look five times a second. */
const ALL_HERE_AFTER_MS = 5_000;

type Options = {
  /** All that may carry some. */
  relayIds: () => readonly RelayId[];
  /** Has each of them let nothing more in there, and tell. */
  drain: (instances: readonly InstanceId[]) => void;
  monotonicMs: () => number;
};

export class OpenStreams {
  readonly #options: Options;
  readonly #openedMs: number;
  readonly #reported = new Map<RelayId, ReadonlyMap<InstanceId, number>>();
  #draining: readonly InstanceId[] = [];

  constructor(options: Options) {
    this.#options = options;
    this.#openedMs = options.monotonicMs();
  }

  get draining(): readonly InstanceId[] {
    return this.#draining;
  }

  follow(instances: readonly ReachableInstance[]): void {
    const draining = instances.flatMap(({ instanceId, draining: drains }) =>
      drains === true ? instanceId : [],
    );
    if (draining.join() === this.#draining.join()) return;
    this.#draining = draining;
    this.#options.drain(draining);
  }

  take(relayId: RelayId, instances: readonly OpenAtInstance[]): void {
    this.#reported.set(relayId, new Map(instances.map(({ instanceId, open }) => [instanceId, open])));
  }

  /** All that it carried has ended. */
  relayEnded(relayId: RelayId): void {
    this.#reported.delete(relayId);
  }

  /** Of the draining instances those of which all is known. */
  get known(): OpenAtInstance[] {
    if (this.#options.monotonicMs() - this.#openedMs < ALL_HERE_AFTER_MS) return [];
    const relayIds = this.#options.relayIds();
    return this.#draining.flatMap((instanceId) => {
      const reported = relayIds.flatMap((relayId) => this.#reported.get(relayId)?.get(instanceId) ?? []);
      if (reported.length < relayIds.length) return [];
      return [{ instanceId, open: reported.reduce((sum, open) => sum + open, 0) }];
    });
  }
}
