/** What a container has used up, by the kernel's own texts. */
import { expect, test } from "vitest";
import {
  exhaustionOf,
  type GroupTexts,
  memoryKillsOf,
  sessionsEndedOf,
} from "@remotegpu/agent/core/container/exhaustion";
import { MIB } from "@remotegpu/shared/values/units";

const NOTHING: GroupTexts = {
  pidsCurrent: null,
  pidsMax: null,
  memoryMax: null,
  memoryStat: null,
  memoryEvents: null,
};
const reported = (texts: Partial<GroupTexts>): GroupTexts => ({ ...NOTHING, ...texts });
const LIMIT = `${512 * MIB}\n`;
const PROCESSES = { code: "container-processes-used-up", params: { max_processes: 64 } };
const MEMORY = { code: "container-memory-used-up", params: { memory_mib: 512 } };
const KILLS = { code: "container-memory-killed", params: {} };
const events = (kills: number) => `low 0\nhigh 0\nmax 9120\noom 3\noom_kill ${kills}\noom_group_kill 0\n`;

test.each([
  ["nothing is reported", NOTHING, null, null],
  ["all processes are taken", reported({ pidsCurrent: "64\n", pidsMax: "64\n" }), null, PROCESSES],
  ["too few for a session are left", reported({ pidsCurrent: "62\n", pidsMax: "64\n" }), null, PROCESSES],
  ["just enough are left", reported({ pidsCurrent: "61\n", pidsMax: "64\n" }), null, null],
  ["processes have no limit", reported({ pidsCurrent: "9000\n", pidsMax: "max\n" }), null, null],
  [
    "files that the kernel gives back fill the memory",
    reported({ memoryMax: LIMIT, memoryStat: `anon ${MIB}\nfile ${511 * MIB}\nshmem 0\n` }),
    null,
    null,
  ],
  [
    "programs and shared memory fill it",
    reported({ memoryMax: LIMIT, memoryStat: `anon ${400 * MIB}\nfile ${100 * MIB}\nshmem ${100 * MIB}\n` }),
    null,
    MEMORY,
  ],
  [
    "programs fill it, with version 1",
    reported({
      memoryMax: LIMIT,
      memoryStat: `rss 0\ntotal_cache 9\ntotal_rss ${511 * MIB}\ntotal_shmem 0\n`,
    }),
    null,
    MEMORY,
  ],
  [
    "less than a session needs is left of little memory",
    reported({ memoryMax: `${64 * MIB}\n`, memoryStat: `anon ${MIB}\nfile 0\nshmem ${55 * MIB + 1}\n` }),
    null,
    { code: "container-memory-used-up", params: { memory_mib: 64 } },
  ],
  [
    "a session has just enough of little memory",
    reported({ memoryMax: `${64 * MIB}\n`, memoryStat: `anon ${MIB}\nfile 0\nshmem ${55 * MIB}\n` }),
    null,
    null,
  ],
  [
    "what fills it is reported rather than whom the kernel has ended",
    reported({ memoryMax: LIMIT, memoryStat: `anon ${511 * MIB}\n`, memoryEvents: events(3) }),
    2,
    MEMORY,
  ],
  ["memory has no limit", reported({ memoryMax: "max\n", memoryStat: `anon ${511 * MIB}\n` }), null, null],
  ["the kernel has ended something since", reported({ memoryEvents: events(3) }), 2, KILLS],
  ["the kernel had ended something before", reported({ memoryEvents: events(3) }), 3, null],
  ["nobody has checked before", reported({ memoryEvents: events(3) }), null, null],
  [
    "texts are none of the kernel's",
    reported({ pidsCurrent: "many", pidsMax: "", memoryStat: "anon x" }),
    1,
    null,
  ],
])("where %s", (_what, texts, killsBefore, reason) => {
  expect(exhaustionOf(texts, killsBefore)).toEqual(reason);
});

test.each([
  ["is no room for one, and the kernel has ended something", 505, 3, MEMORY],
  ["is no room for one, and nothing was ended", 505, 2, null],
  ["is room again, whatever was ended", 504, 3, null],
])("sessions are ended where there %s", (_what, heldMib, kills, reason) => {
  const memoryStat = `anon ${heldMib * MIB}\nshmem 0\n`;

  expect(sessionsEndedOf(reported({ memoryMax: LIMIT, memoryStat, memoryEvents: events(kills) }), 2)).toEqual(
    reason,
  );
});

test("nothing is reported of sessions where neither limit nor kills are reported", () => {
  const memoryStat = `anon ${511 * MIB}\n`;

  expect(sessionsEndedOf(reported({ memoryStat, memoryEvents: events(3) }), 2)).toBeNull();
  expect(sessionsEndedOf(reported({ memoryMax: LIMIT, memoryStat }), 2)).toBeNull();
  expect(
    sessionsEndedOf(reported({ memoryMax: LIMIT, memoryStat, memoryEvents: events(3) }), null),
  ).toBeNull();
});

test("kills are counted as both versions write them", () => {
  expect(memoryKillsOf(reported({ memoryEvents: events(7) }))).toBe(7);
  expect(memoryKillsOf(reported({ memoryEvents: "oom_kill_disable 0\nunder_oom 1\noom_kill 4\n" }))).toBe(4);
  expect(memoryKillsOf(NOTHING)).toBeNull();
});
