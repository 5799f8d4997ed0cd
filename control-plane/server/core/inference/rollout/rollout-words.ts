/** What is reported of a rollout to the people of a service. */
import type { Reason } from "../../reasons/reason.ts";
import type { Rollout, Versions } from "./versions.ts";

export interface Named {
  versions: Versions;
  wanted: number;
  names: ReadonlyMap<number, string>;
}

export function progressSentence(
  named: Named,
  { target, gapFrom }: Rollout,
  { counted, lack }: { counted: number; lack: Reason | null },
): Reason {
  const { wanted } = named;
  const both = bothNames(named, target);
  if (wanted === 0) return { code: "version-replaces-once-wanted", params: both };
  const progress: Reason = { code: "version-replacing", params: { ...both, counted, wanted } };
  if (lack === null) return progress;
  const code = gapFrom === null ? "version-without-room" : "version-given-room";
  return { code, params: { progress, why: lack } };
}

export function begunSentence(named: Omit<Named, "wanted">, { target, cause }: Rollout): Reason {
  const both = bothNames(named, target);
  return cause === null
    ? { code: "version-to-replace", params: both }
    : { code: "version-going-back", params: { ...both, why: cause } };
}

export function completedSentence(named: Named, target: number): Reason {
  return { code: "version-replaced", params: bothNames(named, target) };
}

export function revertedSentence(
  named: Named,
  { target, cause, hasEnded }: { target: number; cause: Reason; hasEnded: boolean },
): Reason {
  const code = hasEnded ? "version-went-back" : "version-going-back";
  return { code, params: { ...bothNames(named, target), why: cause } };
}

function bothNames(named: Omit<Named, "wanted">, target: number): { version: string; old_version: string } {
  return { version: nameOf(named, target), old_version: nameOf(named, named.versions.serving) };
}

export function nameOf({ names }: Pick<Named, "names">, revision: number): string {
  return names.get(revision) ?? `${revision}`;
}
