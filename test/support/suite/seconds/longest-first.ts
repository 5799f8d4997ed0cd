/**
 * The order of the files: the longest first, so that none stands alone at the end. Files of one project that share
 * processes stay together, since a process ends as soon as the next file belongs to another project.
 */
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { knownSeconds, nameOf } from "./file-seconds.ts";

/** The seconds of a file that nobody has measured yet, its start included. */
const UNKNOWN_SECONDS = 3;

interface Timed {
  sharesProcesses: boolean;
  project: string;
  seconds: number;
}

export class LongestFirst extends BaseSequencer {
  override sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const known = knownSeconds();
    const timed = files.map((file) => ({
      file,
      sharesProcesses: !file.project.config.isolate,
      project: file.project.name,
      seconds: known[nameOf(file.moduleId)] ?? UNKNOWN_SECONDS,
    }));
    return Promise.resolve(longestFirst(timed).map(({ file }) => file));
  }
}

/** Files with shared processes come first: they are short, and the longest of the others fill the lanes after them. */
export function longestFirst<T extends Timed>(files: readonly T[]): T[] {
  const sorted = files.toSorted((a, b) => b.seconds - a.seconds);
  const sharing = Map.groupBy(
    sorted.filter(({ sharesProcesses }) => sharesProcesses),
    ({ project }) => project,
  );
  return [...[...sharing.values()].flat(), ...sorted.filter(({ sharesProcesses }) => !sharesProcesses)];
}
