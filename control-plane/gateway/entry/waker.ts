/**
 * Starts an environment that may be woken for whoever comes to it, and lets a program wait until it answers: what it asked
 * goes through then. A page does not wait; it is shown that the environment starts, and asks again by itself.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { Log } from "@remotegpu/shared/log";
import { type Admission, type PlacedEnvironment } from "../../server/core/gateway/admission.ts";
import { isRelayed, portOf } from "../../server/core/environments/web-target.ts";
import { type Knock, wakeVerdict } from "../../server/core/gateway/waking.ts";
import type { Database } from "../../server/store/database/database.ts";
import { StoreError } from "../../server/store/database/store-error.ts";
import { transaction } from "../../server/store/database/transaction.ts";
import { lockEnvironment } from "../../server/store/environments/environments.ts";
import type { EntryQuestion } from "../../server/store/environments/web/entry-states.ts";
import { emptyFleet } from "../../server/store/fleet/empty-fleet.ts";
import { type RefusedOrder, startEnvironment } from "../../server/store/orders/environment-orders.ts";
import type { Tunnels } from "../tunnel/tunnel.ts";
import type { Visit } from "./visit.ts";
import { type Rights, RightsUnknown } from "./rights.ts";
import { reasonOf } from "../../server/core/reasons/plain-reason.ts";
import type { Reason } from "../../server/core/reasons/reason.ts";

/** An image that has to be fetched takes minutes; whoever waits longer than this asks again. */
const WAITS_MS = 10 * 60_000;
const CHECK_EVERY_MS = 1_000;
/** It runs, and what is asked for is not up yet: a notebook takes some seconds. */
const ANSWERS_WITHIN_MS = 60_000;

export interface Comer extends EntryQuestion {
  target: Visit["target"];
  knock: Knock;
  /** Aborted once nobody waits for the answer any more. */
  gone: AbortSignal;
}

type Refused = Extract<Admission, { admitted: false }>;

/** Whether it was ordered to start; `why` it was not is null where nothing is to be added to what was found. */
type Woken = { isOrdered: true } | { isOrdered: false; why: Reason | null };

export class Waker {
  readonly #db: Database;
  readonly #now: () => Date;
  readonly #log: Log;
  readonly #rights: Pick<Rights, "request">;
  readonly #tunnels: Tunnels;
  readonly #onWoken: () => void;
  /** Many come at once; one of them starts it. */
  readonly #waking = new Map<string, Promise<Woken>>();

  constructor(parts: {
    db: Database;
    now: () => Date;
    log: Log;
    rights: Pick<Rights, "request">;
    tunnels: Tunnels;
    /** Something was ordered. */
    onWoken: () => void;
  }) {
    this.#db = parts.db;
    this.#now = parts.now;
    this.#log = parts.log;
    this.#rights = parts.rights;
    this.#tunnels = parts.tunnels;
    this.#onWoken = parts.onWoken;
  }

  /** What becomes of somebody who may enter and finds it not running. @throws RightsUnknown */
  async admission(comer: Comer, found: Refused): Promise<Admission> {
    const { sleeper } = found;
    if (sleeper?.wakes !== true) return found;
    if (found.kind === "stopped") {
      const woken = await this.#wake(comer, sleeper);
      if (!woken.isOrdered)
        return woken.why === null ? found : { ...found, reason: stoppedBecause(woken.why) };
    }
    const starting: Refused = {
      admitted: false,
      kind: "starting",
      reason: found.kind === "starting" ? found.reason : reasonOf("environment-woken"),
    };
    const isHeld = comer.knock === "program" || comer.knock === "ssh";
    return isHeld ? await this.#whenItAnswers(comer, starting) : starting;
  }

  async #wake(comer: Comer, sleeper: PlacedEnvironment): Promise<Woken> {
    const { entry, environmentId, knock } = comer;
    const verdict = wakeVerdict(sleeper, { by: entry.kind, knock, now: this.#now() });
    if (!verdict.wakes || entry.kind !== "person")
      return { isOrdered: false, why: verdict.wakes ? null : verdict.reason };
    const running = this.#waking.get(environmentId);
    if (running !== undefined) return await running;
    const waking = this.#start(environmentId, entry.customerId).finally(() =>
      this.#waking.delete(environmentId),
    );
    this.#waking.set(environmentId, waking);
    return await waking;
  }

  async #start(environmentId: string, customerId: number): Promise<Woken> {
    const context = { by: "customer", actor: `customer ${customerId}`, now: this.#now() } as const;
    try {
      const outcome = await transaction(this.#db, async (sql) => {
        const environment = await lockEnvironment(sql, environmentId);
        // Somebody else was faster.
        if (environment?.status !== "stopped") return null;
        return await startEnvironment(sql, environment, { ...context, fleet: await emptyFleet(sql) });
      });
      if (outcome !== null && !outcome.done)
        return {
          isOrdered: false,
          why: { code: "environment-start-refused", params: { why: whyNot(outcome) } },
        };
      this.#log.info({ environmentId, customerId }, "an environment was woken");
      this.#onWoken();
      return { isOrdered: true };
    } catch (cause) {
      if (!(cause instanceof StoreError)) throw cause;
      throw new RightsUnknown({ cause });
    }
  }

  /** Rights are asked anew with each look. */
  async #whenItAnswers(comer: Comer, starting: Refused): Promise<Admission> {
    const { entry, environmentId, target, gone } = comer;
    const endMs = performance.now() + WAITS_MS;
    let runsUntilMs = Infinity;
    let last: Admission = starting;
    while (!gone.aborted && performance.now() < Math.min(endMs, runsUntilMs)) {
      last = await this.#rights.request({ entry, environmentId }, target);
      if (!last.admitted && last.kind !== "starting") return last;
      if (last.admitted) {
        if (await this.#answers(last.environment.place, target)) return last;
        runsUntilMs = Math.min(runsUntilMs, performance.now() + ANSWERS_WITHIN_MS);
      }
      await pause(CHECK_EVERY_MS, undefined, { signal: gone }).catch(() => undefined);
    }
    return last;
  }

  async #answers(
    { hostId, instanceId }: NonNullable<PlacedEnvironment["place"]>,
    target: Visit["target"],
  ): Promise<boolean> {
    // Whoever serves those waits for the server in the container by itself.
    const port = isRelayed(target) || target === "terminal" ? null : portOf(target);
    if (port === null) return true;
    const route = await this.#tunnels.open({ hostId, instanceId, port }).catch(() => null);
    route?.destroy();
    return route !== null;
  }
}

const stoppedBecause = (why: Reason): Reason => ({ code: "environment-stopped-because", params: { why } });

function whyNot(refused: RefusedOrder): Reason {
  switch (refused.refusal) {
    case "wrong-state":
      return reasonOf(refused.reason);
    case "impossible":
      return refused.impossibility.reason;
    case "check":
      return refused.check.detail;
  }
}
