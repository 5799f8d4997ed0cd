/**
 * The order of the files with real parts: the longest first, so that none stands alone at the end, and whole systems one
 * after another, each beside two files of single parts, since it is as busy as those.
 */
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { knownSeconds, nameOf } from "./file-seconds.ts";
import type { Project } from "./tiers.ts";

/** Files at a time, for two cores: each computes for some two thirds of its time. TEST_LANES is another number. */
export const LANES = Number(process.env["TEST_LANES"] ?? 3);
/** Of a file that nobody has measured yet, its start included. */
const UNKNOWN_SECONDS = 3;

interface Timed {
  isSystem: boolean;
  seconds: number;
}

/** The projects that share the lanes; each other one has them to itself, before those. */
const IN_LANES: readonly string[] = ["integration", "system"] satisfies Project[];

export class SideBySide extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const known = knownSeconds();
    const timed = sorted.map((file) => ({
      file,
      isSystem: file.project.name === "system",
      seconds: known[nameOf(file.moduleId)] ?? UNKNOWN_SECONDS,
    }));
    const isInLanes = ({ file }: { file: TestSpecification }) => IN_LANES.includes(file.project.name);
    const inLanes = timed.filter(isInLanes);
    const alone = timed.filter((file) => !isInLanes(file));
    return [...longestFirst(alone), ...sideBySide(inLanes)].map(({ file }) => file);
  }
}

function longestFirst<T extends Timed>(files: readonly T[]): T[] {
  return files.toSorted((a, b) => b.seconds - a.seconds);
}

/** As lanes take files off the order whenever one of them is free. */
export function sideBySide<T extends Timed>(files: readonly T[]): T[] {
  const longest = longestFirst(files);
  const systems = longest.filter(({ isSystem }) => isSystem);
  const parts = longest.filter(({ isSystem }) => !isSystem);
  const freeAt = Array.from({ length: LANES }, () => 0);
  let systemEndsAt = 0;
  const order: T[] = [];
  while (order.length < files.length) {
    const now = Math.min(...freeAt);
    const next = (systemEndsAt <= now ? systems.shift() : undefined) ?? parts.shift() ?? systems.shift();
    if (next === undefined) break;
    order.push(next);
    freeAt[freeAt.indexOf(now)] = now + next.seconds;
    if (next.isSystem) systemEndsAt = now + next.seconds;
  }
  return order;
}
