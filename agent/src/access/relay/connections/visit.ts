/** One client's connection through a lease: from where, into which run, what it carried, and who it is told to be. */
import type { InstanceId, LeaseId, RunId } from "@remotegpu/shared/values/ids";
import type { SessionLogin } from "@remotegpu/shared/instance/ssh-access";
import type { RouteEnd } from "../../../core/access/login-line.ts";
import { UseMeter, type UseRule } from "../../../core/access/session-use.ts";
import type { ConnectionEnd } from "./relayed-connection.ts";

/** Where the broker has led it, with our own end of the way as the service sees it. */
export type Route = { instanceId: InstanceId; runId: RunId } & RouteEnd;
export type RelayedLogin = Omit<SessionLogin, "at"> & { wallMs: number };

/** What a visit needs of its connection. */
export type Carried = {
  readonly bytesIn: number;
  readonly bytesOut: number;
  destroy(end: ConnectionEnd): void;
};

export class Visit {
  readonly leaseId: LeaseId;
  readonly rule: UseRule;
  readonly from: string;
  readonly route: Route;
  readonly openedMs: number;
  login: RelayedLogin | null = null;
  readonly #carried: Carried;
  readonly #meter: UseMeter;
  readonly #onNamed: () => void;
  /** Of a connection that has closed less may be told than before. */
  #mostIn = 0;
  #mostOut = 0;
  #reportedIn = 0;
  #reportedOut = 0;

  constructor(options: {
    leaseId: LeaseId;
    rule: UseRule;
    from: string;
    route: Route;
    carried: Carried;
    /** On the monotonic clock. */
    nowMs: number;
    /** A login was told. */
    onNamed: () => void;
  }) {
    this.leaseId = options.leaseId;
    this.rule = options.rule;
    this.from = options.from;
    this.route = options.route;
    this.openedMs = options.nowMs;
    this.#carried = options.carried;
    this.#meter = new UseMeter(options.rule, options.nowMs);
    this.#onNamed = options.onNamed;
  }

  get bytesIn(): number {
    return (this.#mostIn = Math.max(this.#mostIn, this.#carried.bytesIn));
  }

  get bytesOut(): number {
    return (this.#mostOut = Math.max(this.#mostOut, this.#carried.bytesOut));
  }

  /** The first word holds: sshd's own comes at once, and whoever is in already may say others. */
  named(login: RelayedLogin): boolean {
    if (this.login !== null) return false;
    this.login = login;
    this.#onNamed();
    return true;
  }

  /** Bytes relayed since it was asked last, and whether that is access. */
  takeUse(nowMs: number): { isUsed: boolean; bytesIn: number; bytesOut: number } {
    const { bytesIn, bytesOut } = this;
    const isUsed = this.#meter.isUsed({ ms: nowMs, bytesIn, bytesOut, hasLogin: this.login !== null });
    const taken = { isUsed, bytesIn: bytesIn - this.#reportedIn, bytesOut: bytesOut - this.#reportedOut };
    this.#reportedIn = bytesIn;
    this.#reportedOut = bytesOut;
    return taken;
  }

  end(end: ConnectionEnd): void {
    this.#carried.destroy(end);
  }
}
