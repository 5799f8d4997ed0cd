/** What is told of a rollout, in sentences for the people of a service. */
import { asPhrase, asSentence } from "@remotegpu/shared/values/sentence";
import type { Rollout, Versions } from "./versions.ts";

export interface Named {
  versions: Versions;
  wanted: number;
  names: ReadonlyMap<number, string>;
}

export function progressSentence(
  named: Named,
  { target, gapFrom }: Rollout,
  { counted, lack }: { counted: number; lack: string | null },
): string {
  const { versions, wanted } = named;
  const [next, old] = [nameOf(named, target), nameOf(named, versions.serving)];
  if (wanted === 0) return `Version ${next} replaces ${old} once a replica is wanted.`;
  const done = `Version ${next} replaces ${old}: ${counted} of ${wanted} ${wanted === 1 ? "replica" : "replicas"}`;
  if (lack === null) return `${done}.`;
  const what = `${done}, and there is no room for another one (${asPhrase(lack)})`;
  if (gapFrom !== null) return `${what}; one of the old version makes it.`;
  return `${what}. With allow_gap one of the old version makes room for it.`;
}

export function begunSentence(named: Omit<Named, "wanted">, { target, cause }: Rollout): string {
  const [next, old] = [nameOf(named, target), nameOf(named, named.versions.serving)];
  return cause === null
    ? `Version ${next} is to replace ${old}.`
    : asSentence(`Version ${next} is taken back, and ${old} takes its place: ${asPhrase(cause)}`);
}

export function completedSentence(named: Named, target: number): string {
  return `Version ${nameOf(named, target)} has replaced ${nameOf(named, named.versions.serving)}.`;
}

export function revertedSentence(
  named: Named,
  { target, cause, hasEnded }: { target: number; cause: string; hasEnded: boolean },
): string {
  const [next, old] = [nameOf(named, target), nameOf(named, named.versions.serving)];
  return hasEnded
    ? asSentence(`Version ${next} was taken back, and ${old} serves as before: ${asPhrase(cause)}`)
    : asSentence(`Version ${next} is taken back, and ${old} takes its place: ${asPhrase(cause)}`);
}

export function nameOf({ names }: Pick<Named, "names">, revision: number): string {
  return names.get(revision) ?? `${revision}`;
}
