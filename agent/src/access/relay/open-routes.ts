/** Ways of gateways into instances that are open through this relay, and the instances into which none leads any more. */
import { CountsByKey } from "@remotegpu/shared/counts-by-key";
import type { InstanceId } from "@remotegpu/shared/values/ids";
import type { OpenAtInstance } from "./relay-messages.ts";

export class OpenRoutes {
  readonly #open = new CountsByKey<InstanceId>();
  #draining: readonly InstanceId[] = [];
  #reported = "";

  /** One more, from the first wish on; returns what ends it. Null: none leads there any more. */
  begin(instanceId: InstanceId): (() => void) | null {
    if (this.#draining.includes(instanceId)) return null;
    this.#open.add(instanceId);
    return () => this.#open.remove(instanceId);
  }

  /** All that drain; what is open there goes on. Answers what that is, in any case. */
  drain(instances: readonly InstanceId[]): OpenAtInstance[] {
    this.#draining = instances;
    this.#reported = "";
    return this.takeMessages() ?? [];
  }

  /** Null where it is as it was told last. */
  takeMessages(): OpenAtInstance[] | null {
    const messages = this.#draining.map((instanceId) => ({ instanceId, open: this.#open.of(instanceId) }));
    const text = JSON.stringify(messages);
    if (text === this.#reported || (messages.length === 0 && this.#reported === "")) return null;
    this.#reported = text;
    return messages;
  }
}
