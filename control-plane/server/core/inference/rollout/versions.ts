/**
 * Which revision a service is of, which one it was of before, and whether it is on its way to another. Both numbers change
 * together when a rollout is complete, and with nothing else; what people may ask for in between is decided here.
 */
import type { PlainCode, Reason } from "../../reasons/reason.ts";

export interface Versions {
  /** What `version` names. */
  serving: number;
  /** What `previous_version` names; null before the first rollout. */
  previous: number | null;
  rollout: Rollout | null;
}

export interface Rollout {
  target: number;
  /** Since there is one, it goes back to what serves. */
  cause: Reason | null;
  /** People would rather have one replica less for a while than wait for room. */
  allowsGap: boolean;
  /**
   * Null until it comes to that: then as many as had room, of which one makes room for another. It stays so to the end, or
   * the one that made room would take it again.
   */
  gapFrom: number | null;
}

/** A service of which nothing is wanted has nothing to wait for: the next start is of the other version. */
export function settledAtOnce({ serving, previous, rollout }: Versions): Versions {
  return rollout === null || rollout.cause !== null
    ? { serving, previous, rollout: null }
    : { serving: rollout.target, previous: serving, rollout: null };
}

export type Begun = { begun: true; versions: Versions } | { begun: false; why: PlainCode };

const CALLED_OFF: Reason = { code: "rollout-called-off", params: {} };

/** The newest wish counts: one that goes on, or back, is left where it stands and goes to the new target from there. */
export function beginRollout(
  versions: Versions,
  target: number,
  { allowsGap }: { allowsGap: boolean },
): Begun {
  const { serving, rollout } = versions;
  if (target === serving)
    return rollout === null ? refused("service-version-serving") : callOff(versions, rollout);
  if (rollout !== null && rollout.target === target && rollout.cause === null)
    return begun({ ...versions, rollout: { ...rollout, allowsGap } });
  const gapFrom = allowsGap ? (rollout?.gapFrom ?? null) : null;
  return begun({ ...versions, rollout: { target, cause: null, allowsGap, gapFrom } });
}

/** To what served before; while a rollout goes on, that is what still serves. */
export function beginRollback(versions: Versions, { allowsGap } = { allowsGap: false }): Begun {
  const { previous, rollout } = versions;
  if (rollout !== null) return callOff(versions, rollout);
  return previous === null
    ? refused("service-version-missing")
    : beginRollout(versions, previous, { allowsGap });
}

function callOff(versions: Versions, rollout: Rollout): Begun {
  return begun({ ...versions, rollout: { ...rollout, cause: rollout.cause ?? CALLED_OFF } });
}

function begun(versions: Versions): Begun {
  return { begun: true, versions };
}

function refused(why: PlainCode): Begun {
  return { begun: false, why };
}
