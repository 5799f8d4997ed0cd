/**
 * Whether somebody who comes to an environment that does not run starts it by that. Coming to it is a wish where a person
 * opens a page or a program shows its key; whatever repeats itself without anybody wishing anything is none.
 */
import type { EnvironmentStatus } from "@remotegpu/shared/values/workload";
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import type { Reason } from "../reasons/reason.ts";

/**
 * How somebody came: a page that is opened, a program that shows its key, a program's connection of SSH, which editors make
 * again and again by themselves, or a script and whatever else belongs to a page that is open already.
 */
export type Knock = "page" | "program" | "ssh" | "background";

/** The time after an environment was stopped in which connections of SSH are taken for an editor's that lost it. */
export const SSH_WAKE_DELAY_MS = 10 * MS_PER_MINUTE;

export interface Sleeper {
  status: EnvironmentStatus;
  /** Whether its order says that it may be woken. */
  wakes: boolean;
  /** Null where it never ran. */
  stoppedAt: Date | null;
}

export type WakeVerdict = { wakes: true } | { wakes: false; reason: Reason | null };

/** @param by of a share nobody is known, and starting costs money */
export function wakeVerdict(
  { status, wakes, stoppedAt }: Sleeper,
  { by, knock, now }: { by: "person" | "share"; knock: Knock; now: Date },
): WakeVerdict {
  if (!wakes || status !== "stopped" || by === "share" || knock === "background") return stays(null);
  const backoffUntil = (stoppedAt?.getTime() ?? 0) + SSH_WAKE_DELAY_MS;
  return knock === "ssh" && now.getTime() < backoffUntil
    ? stays({ code: "ssh-wakes-from", params: { from: new Date(backoffUntil).toISOString() } })
    : { wakes: true };
}

const stays = (reason: Reason | null): WakeVerdict => ({ wakes: false, reason });
