/** Ways of gateways into instances that are open through this relay, and the instances into which none leads any more. */
import type { InstanceId } from "@remotegpu/shared/ids";
import type { OpenAtInstance } from "./relay-messages.ts";

export class OpenWays {
  readonly #open = new Map<InstanceId, number>();
  #draining: readonly InstanceId[] = [];
  #told = "";

  /** One more, from the first wish on; returns what ends it. Null: none leads there any more. */
  begin(instanceId: InstanceId): (() => void) | null {
    if (this.#draining.includes(instanceId)) return null;
    this.#count(instanceId, 1);
    return () => this.#count(instanceId, -1);
  }

  /** All that drain; what is open there goes on. Answers what that is, in any case. */
  drain(instances: readonly InstanceId[]): OpenAtInstance[] {
    this.#draining = instances;
    this.#told = "";
    return this.takeNews() ?? [];
  }

  /** Null where it is as it was told last. */
  takeNews(): OpenAtInstance[] | null {
    const news = this.#draining.map((instanceId) => ({ instanceId, open: this.#open.get(instanceId) ?? 0 }));
    const text = JSON.stringify(news);
    if (text === this.#told || (news.length === 0 && this.#told === "")) return null;
    this.#told = text;
    return news;
  }

  #count(instanceId: InstanceId, change: 1 | -1): void {
    const open = (this.#open.get(instanceId) ?? 0) + change;
    if (open === 0) this.#open.delete(instanceId);
    else this.#open.set(instanceId, open);
  }
}
