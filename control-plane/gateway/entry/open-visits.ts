/**
 * Whoever is in, and the loop that asks again whether they still may: a right that is gone, or an environment that stops,
 * ends what is open. Requests and WebSockets of one entry to one place share a signal.
 */
import type { Log } from "@remotegpu/shared/log";
import { admit, type PlacedEnvironment } from "../../server/core/gateway/admission.ts";
import type { Entry } from "../../server/core/gateway/entry.ts";
import { isRelayed, targetText } from "../../server/core/environments/web-target.ts";
import { reasonOf } from "../../server/core/reasons/plain-reason.ts";
import type { Reason } from "../../server/core/reasons/reason.ts";
import type { Visit } from "./visit.ts";
import { type Open, OpenByRight } from "./open-by-right.ts";
import { entryKey, type Rights } from "./rights.ts";

type Entered = Omit<Visit, "signal">;

type Placed = PlacedEnvironment & { place: NonNullable<PlacedEnvironment["place"]> };

export class OpenVisits {
  readonly #rights: Pick<Rights, "requestAll">;
  readonly #log: Log;
  readonly #open = new OpenByRight<Entered>((open) => this.#checkAgain(open));

  constructor({ rights, log }: { rights: Pick<Rights, "requestAll">; log: Log }) {
    this.#rights = rights;
    this.#log = log;
  }

  start(): void {
    this.#open.start();
  }

  async stop(): Promise<void> {
    await this.#open.stop();
  }

  /** Call `leave` once, when it is over. */
  enter(
    entry: Entry,
    { place, id, name, services }: Placed,
    target: Visit["target"],
  ): { visit: Visit; leave: () => void } {
    const { hostId, instanceId, epoch } = place;
    const key = `${entryKey(entry)} ${id} ${targetText(target)} ${hostId} ${epoch}`;
    const { open, leave } = this.#open.enter(key, {
      answer: null,
      entry,
      environment: { id, name, hostId, instanceId, placementEpoch: epoch },
      target,
    });
    const answer = (isRelayed(target) ? null : services?.[targetText(target)]) ?? null;
    return { visit: { ...open.what, signal: open.signal, answer }, leave };
  }

  async #checkAgain(requested: readonly Open<Entered>[]): Promise<void> {
    try {
      const states = await this.#rights.requestAll(
        requested.map(({ what: { entry, environment } }) => ({ entry, environmentId: environment.id })),
      );
      requested.forEach(({ what, end }, nth) => {
        const why = whyOver(states[nth] ?? null, what);
        if (why !== null) end(why);
      });
    } catch (error) {
      this.#log.error({ error }, "open visits could not be checked again");
    }
  }
}

function whyOver(state: Parameters<typeof admit>[0] | null, visit: Entered): Reason | null {
  if (state === null) return reasonOf("entry-right-unknown");
  const admission = admit(state, visit.entry.kind, visit.target);
  if (!admission.admitted) return admission.reason;
  const { hostId, epoch } = admission.environment.place;
  return hostId === visit.environment.hostId && epoch === visit.environment.placementEpoch
    ? null
    : reasonOf("environment-runs-elsewhere");
}
