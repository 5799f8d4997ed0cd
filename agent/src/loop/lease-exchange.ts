/**
 * Tells the access process in each round what is wanted, who may be in by SSH, and what the control plane has of its book;
 * what it says of earlier orders is taken as it is.
 */
import type { GatewayIdentity } from "../access/relay/connections/gateway-identity.ts";
import { runningContainers } from "../core/leases/running-containers.ts";
import type { Journal } from "../journal/journal.ts";
import type { AccessLink } from "./access-link.ts";
import type { ControlPlaneLink } from "./control-plane-link.ts";
import type { Doors } from "./doors.ts";
import { OpenedBy } from "./opened-by.ts";
import type { Observation } from "./watch/observation.ts";

export class LeaseExchange {
  readonly #journal: Journal;
  readonly #observation: Observation;
  readonly #access: AccessLink;
  readonly #doors: Pick<Doors, "stored">;
  readonly #link: Pick<ControlPlaneLink, "reportedSessions">;
  readonly #openedBy = new OpenedBy();
  readonly #gatewayIdentity: () => GatewayIdentity | null;

  constructor(parts: {
    journal: Journal;
    observation: Observation;
    access: AccessLink;
    doors: Pick<Doors, "stored">;
    link: Pick<ControlPlaneLink, "reportedSessions">;
    /** What the TLS port for gateways shows now; null without a certificate for it. */
    gatewayIdentity: () => GatewayIdentity | null;
  }) {
    this.#journal = parts.journal;
    this.#observation = parts.observation;
    this.#access = parts.access;
    this.#doors = parts.doors;
    this.#link = parts.link;
    this.#gatewayIdentity = parts.gatewayIdentity;
  }

  exchange(): void {
    const { desired } = this.#journal;
    desired.leases.confirmReleased(this.#access.released);
    const { term, generation } = this.#journal.head().applied;
    const { containers, own } = this.#observation;
    const { instances, notUnderstood } = desired.read();
    const running = containers === null ? null : runningContainers([...instances, ...notUnderstood], own);
    this.#access.exchange({
      term,
      generation,
      leases: desired.leases.all(),
      running,
      ...this.#openedBy.report(this.#doors.stored, desired.keySets.all()),
      cuts: desired.cuts.all(),
      taken: this.#access.takenOf(this.#link.reportedSessions),
      gateways: desired.gateways.all(),
      gateway: this.#gatewayIdentity(),
    });
  }
}
