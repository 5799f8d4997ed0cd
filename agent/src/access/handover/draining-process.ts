/**
 * What an access process is once another one has taken over: it serves the connections that it has to their end, tells
 * the newest one of them, and follows it in what leases there are. It takes no new ones and writes nothing down.
 */
import type { LeaseId } from "@remotegpu/shared/values/ids";
import type { Log } from "@remotegpu/shared/log";
import { whyDrainingEnds } from "../../core/access/generations.ts";
import type { RelayHandlers } from "../relay-process/relay-handlers.ts";
import type { RelayProcess } from "../relay-process/relay-process.ts";
import { DrainingLink } from "./draining-link.ts";
import type { FromDraining, ToDraining } from "./draining-messages.ts";

const TICK_EVERY_MS = 1_000;

export type DrainingOptions = {
  relay: RelayProcess;
  /** By the last list, for who had come in just before. */
  dial: RelayHandlers["dial"];
  /** Those whose ports it listened on. */
  leases: readonly LeaseId[];
  path: string;
  isUnderUnit: boolean;
  hello: Omit<Extract<FromDraining, { kind: "hello" }>, "kind">;
  monotonicMs: () => number;
  log: Log;
};

export class DrainingProcess {
  readonly #options: DrainingOptions;
  readonly #link: DrainingLink;
  readonly #over = Promise.withResolvers<{ because: string | null }>();
  #leases: readonly LeaseId[];
  #isRetired = false;
  /** By who leads now. */
  #isRequestedForStreams = false;

  constructor(options: DrainingOptions) {
    this.#options = options;
    this.#leases = options.leases;
    this.#link = new DrainingLink({
      path: options.path,
      hello: { kind: "hello", tellsStreams: true, ...options.hello },
      onConnected: () => {
        this.#isRequestedForStreams = false;
        options.relay.reportAll();
      },
      onMessage: (message) => this.#hear(message),
      monotonicMs: options.monotonicMs,
    });
  }

  /** Resolves when nobody is connected any more, or it was ended; and with it every connection. */
  async serve(ending: Promise<void>): Promise<void> {
    const { relay, dial, log } = this.#options;
    const ticking = setInterval(() => this.#tick(), TICK_EVERY_MS);
    relay.attach({
      onUp: () => undefined,
      // Nothing is left of what it carried.
      onDown: () => this.#over.resolve({ because: "Its relay has ended." }),
      onActivity: (leases, openConnections) => {
        this.#link.report({ kind: "activity", leases, openConnections });
        if (this.#isRetired && openConnections === 0) this.#over.resolve({ because: null });
      },
      onSessions: (sessions) => this.#link.report(sessions),
      onStreams: (instances) => {
        if (this.#isRequestedForStreams) this.#link.report({ kind: "streams", instances });
      },
      // It hears of none any more: the newest one does.
      onLoginElsewhere: () => undefined,
      onDeaf: () => undefined,
      // Who comes from now on comes to the newest one, which has counted on from there.
      onTries: () => undefined,
      triesOf: () => null,
      onGateway: () => undefined,
      onRetired: () => {
        this.#isRetired = true;
        this.#link.start();
      },
      dial,
    });
    relay.retire();
    void ending.then(() => this.#over.resolve({ because: "It was ended." }));
    const { because } = await this.#over.promise;
    log.info({ because: because ?? "nobody is connected any more" }, "what was left to serve is over");
    clearInterval(ticking);
    await relay.end();
    await this.#link.close({ kind: "bye", because });
  }

  #hear(message: ToDraining): void {
    switch (message.kind) {
      case "held": {
        const held = new Set(message.leases);
        for (const leaseId of this.#leases) if (!held.has(leaseId)) this.#options.relay.close(leaseId);
        this.#leases = this.#leases.filter((leaseId) => held.has(leaseId));
        return this.#link.report({ kind: "heard" });
      }
      case "draining":
        this.#isRequestedForStreams = true;
        return this.#options.relay.drain(message.instances);
      case "login":
        return this.#options.relay.login(message);
      case "cut":
        return this.#options.relay.cut(message.sessionId, message.because);
      case "cut-unknown":
        return this.#options.relay.cutUnknown(message.runId, message.because);
      case "end":
        return this.#over.resolve({ because: message.because });
    }
  }

  #tick(): void {
    const { hello, isUnderUnit, monotonicMs } = this.#options;
    const because = whyDrainingEnds({
      retiredForMs: monotonicMs() - hello.retiredMs,
      leaderlessForMs: this.#link.leaderlessForMs,
      isUnderUnit,
    });
    if (because !== null) this.#over.resolve({ because });
  }
}
