/** Tells the access process in each round what is wanted; what it says of earlier orders is taken as it is. */
import type { GatewayIdentity } from "../access/relay/gateway-identity.ts";
import { runningContainers } from "../core/leases/running-containers.ts";
import type { Journal } from "../journal/journal.ts";
import type { AccessLink } from "./access-link.ts";
import type { Observation } from "./watch/observation.ts";

export class LeaseExchange {
  readonly #journal: Journal;
  readonly #observation: Observation;
  readonly #access: AccessLink;
  readonly #gatewayIdentity: () => GatewayIdentity | null;

  constructor(parts: {
    journal: Journal;
    observation: Observation;
    access: AccessLink;
    /** What the TLS port for gateways shows now; null without a certificate for it. */
    gatewayIdentity: () => GatewayIdentity | null;
  }) {
    this.#journal = parts.journal;
    this.#observation = parts.observation;
    this.#access = parts.access;
    this.#gatewayIdentity = parts.gatewayIdentity;
  }

  exchange(): void {
    const { desired } = this.#journal;
    desired.leases.confirmReleased(this.#access.released);
    const { term, generation } = this.#journal.head().applied;
    const { containers, own } = this.#observation;
    const { instances, notUnderstood } = desired.read();
    this.#access.exchange({
      term,
      generation,
      leases: desired.leases.all(),
      running: containers === null ? null : runningContainers([...instances, ...notUnderstood], own),
      gateway: this.#gatewayIdentity(),
    });
  }
}
