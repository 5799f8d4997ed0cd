/**
 * Ends sessions whose right has gone: those that the control plane names, and those by SSH that no key or password of now
 * opens. Level-triggered: each list, each login and each second judges all that are open anew.
 */
import type { RunId } from "@remotegpu/shared/values/ids";
import { SSH_PORT, type AccessSession, type Cut } from "@remotegpu/shared/instance/ssh-access";
import { verdictOn, verdictOnUnknown, type Door, type Insider } from "../../core/access/session-verdict.ts";
import type { LeaseRecord } from "../../core/leases/lease.ts";
import type { AccessList, FingerprintSet, ReachableInstance } from "../control/control-messages.ts";

/** All relays that may carry a session. */
export type Relays = {
  cut(sessionId: string, because: string): void;
  cutUnknown(runId: RunId, because: string): void;
};

export class SessionGuard {
  readonly #relays: Relays;
  readonly #openSessions: () => AccessSession[];
  readonly #leaseOf: (session: AccessSession) => LeaseRecord | null;
  readonly #clock: { monotonicMs: () => number; wallMs: () => number };
  #doors = new Map<RunId, Door | null>();
  #cuts = new Map<string, string>();
  readonly #insiders = new Map<string, Insider>();
  #checkedWallMs: number;

  constructor(options: {
    relays: Relays;
    openSessions: () => AccessSession[];
    leaseOf: (session: AccessSession) => LeaseRecord | null;
    clock: { monotonicMs: () => number; wallMs: () => number };
  }) {
    this.#relays = options.relays;
    this.#openSessions = options.openSessions;
    this.#leaseOf = options.leaseOf;
    this.#clock = options.clock;
    this.#checkedWallMs = options.clock.wallMs();
  }

  /** What the agent says now. @param instances those in force, also where this list says nothing of them */
  follow({ keySets }: Pick<AccessList, "keySets">, instances: readonly ReachableInstance[]): void {
    const sets = new Map(keySets.map((set) => [set.id, set.keys]));
    const before = this.#doors;
    this.#doors = new Map();
    for (const { runId, openTo } of instances) {
      const door = openTo === undefined ? before.get(runId) : openTo && doorOf(openTo, sets);
      if (door !== undefined) this.#doors.set(runId, door);
    }
    const now = { wallMs: this.#clock.wallMs(), beforeWallMs: this.#checkedWallMs };
    for (const [runId, door] of this.#doors) {
      const because = verdictOnUnknown(before.get(runId) ?? null, door, now);
      if (because !== null) this.#relays.cutUnknown(runId, because);
    }
    this.#judgeAll();
  }

  cut(cuts: readonly Cut[]): void {
    this.#cuts = new Map(cuts.map(({ sessionId, because }) => [sessionId, because]));
    this.#judgeAll();
  }

  /** A session is open, or somebody is told to have logged in. */
  judge(session: AccessSession): void {
    const because = this.#cuts.get(session.sessionId) ?? this.#verdictOn(session);
    if (because !== null) this.#relays.cut(session.sessionId, because);
  }

  /** To be called about every second. */
  tick(): void {
    const now = { wallMs: this.#clock.wallMs(), beforeWallMs: this.#checkedWallMs };
    this.#checkedWallMs = now.wallMs;
    for (const [runId, door] of this.#doors) {
      const because = verdictOnUnknown(door, door, now);
      if (because !== null) this.#relays.cutUnknown(runId, because);
    }
    this.#judgeAll();
  }

  #judgeAll(): void {
    const open = this.#openSessions();
    const ids = new Set(open.map(({ sessionId }) => sessionId));
    for (const id of this.#insiders.keys()) if (!ids.has(id)) this.#insiders.delete(id);
    for (const session of open) this.judge(session);
  }

  #verdictOn(session: AccessSession): string | null {
    const door = this.#doors.get(session.runId);
    // Of a run that is not listed nothing is known; its container has ended, and its connections with it.
    if (door === undefined || session.login === null || this.#leaseOf(session)?.internalPort !== SSH_PORT)
      return null;
    const insider = this.#insiderOf(session, session.login, door);
    return verdictOn(insider, door, {
      monotonicMs: this.#clock.monotonicMs(),
      wallMs: this.#clock.wallMs(),
    });
  }

  #insiderOf(
    { sessionId }: AccessSession,
    login: NonNullable<AccessSession["login"]>,
    door: Door | null,
  ): Insider {
    const isKnown = door?.keys.has(login.fingerprint ?? "") === true;
    const before = this.#insiders.get(sessionId);
    if (before !== undefined) {
      before.wasKnown ||= isKnown;
      return before;
    }
    const insider: Insider = {
      login,
      loginMs: this.#clock.monotonicMs(),
      passwordMark: door?.passwordMark ?? null,
      wasKnown: isKnown,
    };
    this.#insiders.set(sessionId, insider);
    return insider;
  }
}

function doorOf(
  { keySets, passwordMark }: NonNullable<ReachableInstance["openTo"]>,
  sets: ReadonlyMap<string, FingerprintSet["keys"]>,
): Door {
  const keys = new Map<string, number | null>();
  for (const id of keySets)
    for (const { fingerprint, expiresAtMs } of sets.get(id) ?? []) {
      // Where two sets have one key, the longer time holds, as sshd takes whichever line lets in.
      const before = keys.get(fingerprint);
      const isLonger = before === undefined || (before !== null && (expiresAtMs ?? Infinity) > before);
      if (isLonger) keys.set(fingerprint, expiresAtMs);
    }
  return { keys, passwordMark };
}
