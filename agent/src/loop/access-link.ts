/**
 * What the agent and the access process tell each other: which leases are wanted and which containers may be
 * reached, and what is held. Nothing here is waited for by the loop; an access process that is away, or does not
 * answer, makes the host degraded and its leases unknown, which changes nothing for those who use them.
 */
import type { LeaseId, RunId } from "@remotegpu/shared/values/ids";
import { MAX_LEASES_OF_HOST, type DesiredLease, type ObservedLease } from "@remotegpu/shared/instance/lease";
import type { Log } from "@remotegpu/shared/log";
import type { AccessReport, Cut, GatewayAddress } from "@remotegpu/shared/instance/ssh-access";
import { ControlClient } from "../access/control/control-client.ts";
import type { AccessMessage, FingerprintSet, ReachableInstance } from "../access/control/control-messages.ts";
import type { GatewayIdentity } from "../access/relay/connections/gateway-identity.ts";
import type { RunningContainer } from "../core/leases/running-containers.ts";
import { SessionReport } from "./session-report.ts";
import { processOfContainer } from "../host/processes/process-liveness.ts";

/** Also said when nothing has changed, so that a process that hangs is noticed. */
const SEND_EVERY_MS = 10_000;
const ANSWER_WITHIN_MS = 5_000;
const CHECK_AGAIN_AFTER_MS = 5_000;
/** Silent for so long, it is down: what it holds is not known any more. Its restart takes a fraction of that. */
const DOWN_AFTER_MS = 20_000;

/** Looked up, being looked up, or not to be found. */
type Process =
  | Omit<ReachableInstance, "openTo" | "services" | "draining">
  | { isPending: true }
  | { failedMs: number };

export type Wanted = {
  term: number;
  generation: number;
  leases: readonly DesiredLease[];
  /** Null: the runtime has not told yet. */
  running: readonly RunningContainer[] | null;
  /** Who may be in each run by SSH; null: nobody any more. Of one that is missing nothing is known yet. */
  openTo: ReadonlyMap<RunId, ReachableInstance["openTo"]>;
  keySets: readonly FingerprintSet[];
  cuts: readonly Cut[];
  /** Of the book, what the control plane has. */
  taken: readonly string[];
  /** That cannot reach this host. */
  gateways: readonly GatewayAddress[];
  /** For the TLS port; null where this host has no certificate for it yet. */
  gateway: GatewayIdentity | null;
};

export class AccessLink {
  readonly #client: ControlClient;
  readonly #bundle: () => string | null;
  readonly #monotonicMs: () => number;
  readonly #wake: () => void;
  readonly #log: Log;
  readonly #processes = new Map<string, Process>();
  #messages: AccessMessage | null = null;
  readonly #book = new SessionReport();
  #heardMs: number;
  #logged: { text: string; serial: number; atMs: number } | null = null;
  #serial = 0;
  /** Something was to be said while an answer was awaited. */
  #hasMore = false;

  constructor(options: {
    socketPath: string;
    /** Whose access process is to be there; null: whichever is. */
    bundle: () => string | null;
    monotonicMs: () => number;
    wake: () => void;
    log: Log;
  }) {
    this.#bundle = options.bundle;
    this.#monotonicMs = options.monotonicMs;
    this.#wake = options.wake;
    this.#log = options.log;
    this.#heardMs = options.monotonicMs();
    this.#client = new ControlClient({
      path: options.socketPath,
      onConnected: () => {
        this.#logged = null;
        this.#wake();
      },
      onMessage: (messages) => this.#hear(messages),
      log: options.log,
    });
  }

  start(): void {
    this.#client.start();
  }

  close(): void {
    this.#client.close();
  }

  /** What is held, as last told; null when that is not known (any more). */
  get leases(): readonly ObservedLease[] | null {
    return this.#isDown ? null : (this.#messages?.leases ?? null);
  }

  /** Whether services answer that are there without a lease, as last told; none where that is not known (any more). */
  get services(): AccessMessage["services"] {
    return this.#isDown ? [] : (this.#messages?.services ?? []);
  }

  /** What gateways have open to instances that drain, as last told; none where that is not known (any more). */
  get streams(): AccessMessage["streams"] {
    return this.#isDown ? [] : (this.#messages?.streams ?? []);
  }

  get released(): LeaseId[] {
    return (this.leases ?? []).flatMap(({ leaseId, state }) => (state === "released" ? [leaseId] : []));
  }

  /** Where gateways connect; null while it is not open, or not known. */
  get gatewayPort(): number | null {
    return this.#isDown ? null : (this.#messages?.gatewayPort ?? null);
  }

  /** How the numbers of leases are used, as last reported; null where that is not known (any more). */
  get ports(): AccessMessage["ports"] | null {
    return this.#isDown ? null : (this.#messages?.ports ?? null);
  }

  /** Who is connected, and a mark of what is new in it; null when that is not known (any more). */
  get book(): { book: AccessReport; mark: string } | null {
    return this.#isDown || this.#messages === null ? null : this.#book.now;
  }

  /** What of a book that was told is still held here. */
  takenOf(reported: AccessReport | null): string[] {
    return reported === null ? [] : this.#book.overIn(reported);
  }

  get degraded(): string[] {
    return this.#isDown ? ["access-down"] : [];
  }

  /** Says what is wanted if that has changed or was not said for a while; resolves at once. */
  exchange(wanted: Wanted): void {
    const processes = this.#reachable(wanted.running);
    if (!this.#client.isConnected || processes === "unknown-yet") return;
    const instances =
      processes?.map((process) => ({
        ...process,
        openTo: wanted.openTo.get(process.runId),
        ...liveOf(wanted.running?.find(({ runId }) => runId === process.runId)),
      })) ?? null;
    const nowMs = this.#monotonicMs();
    const isAnswered = this.#logged === null || this.#messages?.serial === this.#logged.serial;
    if (!isAnswered && this.#logged !== null && nowMs - this.#logged.atMs < ANSWER_WITHIN_MS) {
      this.#hasMore = true;
      return;
    }
    if (!isAnswered) {
      this.#log.warn({}, "the access process does not answer");
      this.#client.reconnect();
      return;
    }
    const list = {
      term: wanted.term,
      generation: wanted.generation,
      bundle: this.#bundle(),
      leases: wanted.leases.slice(0, MAX_LEASES_OF_HOST),
      instances,
      gateway: wanted.gateway,
      gateways: [...wanted.gateways],
      keySets: [...wanted.keySets],
      cuts: [...wanted.cuts],
      taken: [...wanted.taken],
    };
    const text = JSON.stringify(list);
    if (this.#logged?.text === text && nowMs - this.#logged.atMs < SEND_EVERY_MS) return;
    this.#serial += 1;
    this.#logged = { text, serial: this.#serial, atMs: nowMs };
    this.#client.send({ kind: "list", serial: this.#serial, ...list });
  }

  get #isDown(): boolean {
    return this.#monotonicMs() - this.#heardMs >= DOWN_AFTER_MS;
  }

  #hear(messages: AccessMessage): void {
    const isNew =
      this.#book.take(messages.access) ||
      messages.gatewayPort !== this.#messages?.gatewayPort ||
      JSON.stringify([messages.leases, messages.services, messages.streams]) !==
        JSON.stringify([this.#messages.leases, this.#messages.services, this.#messages.streams]);
    if (messages.refused !== null && messages.refused !== this.#messages?.refused)
      this.#log.error({ reason: messages.refused }, "the access process refuses the list of leases");
    const isWorthARound = isNew || this.#isDown || this.#hasMore;
    this.#hasMore = false;
    this.#heardMs = this.#monotonicMs();
    this.#messages = messages;
    if (isWorthARound) this.#wake();
  }

  /**
   * The processes behind them. While one is still looked up nothing is said, lest a list without it cut it off for a
   * moment; one that could not be looked up is left out and tried again.
   */
  #reachable(
    running: readonly RunningContainer[] | null,
  ): Omit<ReachableInstance, "openTo" | "services" | "draining">[] | null | "unknown-yet" {
    if (running === null) return null;
    const current = new Set(running.map(keyOf));
    const nowMs = this.#monotonicMs();
    for (const [key, found] of this.#processes) {
      const isStale = "failedMs" in found && nowMs - found.failedMs >= CHECK_AGAIN_AFTER_MS;
      if (isStale || !current.has(key)) this.#processes.delete(key);
    }
    for (const container of running)
      if (!this.#processes.has(keyOf(container))) void this.#resolve(container);
    const found = running.map((container) => this.#processes.get(keyOf(container)));
    if (found.some((process) => process !== undefined && "isPending" in process)) return "unknown-yet";
    return found.filter((process) => process !== undefined && "pid" in process);
  }

  async #resolve(container: RunningContainer): Promise<void> {
    const { workloadId, instanceId, runId, containerId, pid } = container;
    const key = keyOf(container);
    this.#processes.set(key, { isPending: true });
    try {
      const process = await processOfContainer(containerId, pid);
      this.#processes.set(
        key,
        process === null ? { failedMs: this.#monotonicMs() } : { workloadId, instanceId, runId, ...process },
      );
    } catch (error) {
      this.#processes.set(key, { failedMs: this.#monotonicMs() });
      this.#log.warn({ error, pid }, "a container's process could not be read; retrying");
    }
    this.#wake();
  }
}

function liveOf(running: RunningContainer | undefined): Pick<ReachableInstance, "services" | "draining"> {
  return {
    services: [...(running?.services ?? [])],
    ...(running?.isDraining === true && { draining: true as const }),
  };
}

function keyOf({ containerId, pid }: RunningContainer): string {
  return `${containerId} ${pid}`;
}
