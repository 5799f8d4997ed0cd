/**
 * Whoever is in, and the loop that asks again whether they still may: a right that is gone, or an environment that stops,
 * ends what is open. Requests and WebSockets of one entry to one place share a signal.
 */
import { setMaxListeners } from "node:events";
import type { Log } from "@remotegpu/shared/log";
import { admit, type PlacedEnvironment } from "../../core/gateway/admission.ts";
import type { Entry } from "../../core/gateway/entry.ts";
import { isRelayed, targetText } from "../../core/environments/web-target.ts";
import type { Visit } from "../visit.ts";
import { entryKey, type Rights } from "./rights.ts";

const ASK_EVERY_MS = 2_000;

interface Open {
  visit: Visit;
  controller: AbortController;
  count: number;
}

type Placed = PlacedEnvironment & { place: NonNullable<PlacedEnvironment["place"]> };

export class OpenVisits {
  readonly #rights: Pick<Rights, "askAll">;
  readonly #log: Log;
  readonly #open = new Map<string, Open>();
  #timer: NodeJS.Timeout | null = null;
  #asking: Promise<void> = Promise.resolve();

  constructor({ rights, log }: { rights: Pick<Rights, "askAll">; log: Log }) {
    this.#rights = rights;
    this.#log = log;
  }

  start(): void {
    this.#timer ??= setInterval(() => {
      this.#asking = this.#asking.then(() => this.#lookAgain());
    }, ASK_EVERY_MS);
  }

  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    for (const { controller } of this.#open.values()) controller.abort("The gateway is ending.");
    await this.#asking;
  }

  /** Call `leave` once, when it is over. */
  enter(
    entry: Entry,
    { place, id, name, services }: Placed,
    target: Visit["target"],
  ): { visit: Visit; leave: () => void } {
    const { hostId, instanceId, epoch } = place;
    const key = `${entryKey(entry)} ${id} ${targetText(target)} ${hostId} ${epoch}`;
    const open = this.#open.get(key) ?? opened(entry, target, { id, name, hostId, instanceId, epoch });
    open.count += 1;
    this.#open.set(key, open);
    const answer = (isRelayed(target) ? null : services?.[targetText(target)]) ?? null;
    return {
      visit: { ...open.visit, answer },
      leave: () => {
        open.count -= 1;
        if (open.count === 0 && this.#open.get(key) === open) this.#open.delete(key);
      },
    };
  }

  async #lookAgain(): Promise<void> {
    const asked = [...this.#open];
    if (asked.length === 0) return;
    try {
      const standings = await this.#rights.askAll(
        asked.map(([, { visit }]) => ({ entry: visit.entry, environmentId: visit.environment.id })),
      );
      asked.forEach(([key, open], nth) => {
        const why = whyOver(standings[nth] ?? null, open.visit);
        if (why === null) return;
        if (this.#open.get(key) === open) this.#open.delete(key);
        open.controller.abort(why);
      });
    } catch (error) {
      this.#log.error({ error }, "those who are in could not be asked for again");
    }
  }
}

function whyOver(standing: Parameters<typeof admit>[0] | null, visit: Visit): string | null {
  if (standing === null) return "Nobody can say whether this is still allowed: the database is away.";
  const admission = admit(standing, visit.entry.kind, visit.target);
  if (!admission.admitted) return admission.sentence;
  const { hostId, epoch } = admission.environment.place;
  return hostId === visit.environment.hostId && epoch === visit.environment.placementEpoch
    ? null
    : "The environment runs elsewhere now.";
}

function opened(
  entry: Entry,
  target: Visit["target"],
  { epoch, ...environment }: Omit<Visit["environment"], "placementEpoch"> & { epoch: number },
): Open {
  const controller = new AbortController();
  // One of each request that is open.
  setMaxListeners(0, controller.signal);
  const visit = {
    answer: null,
    entry,
    environment: { ...environment, placementEpoch: epoch },
    target,
    signal: controller.signal,
  };
  return { visit, controller, count: 0 };
}
