/** Sessions by SSH over upgrades of the access process: known on, under the same name, and ended when their right goes. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { Bundles } from "../../support/agent/bundles.ts";
import { logged, retired, TAKEN_OVER, takenOver } from "../../support/agent/upgrades.ts";
import type { Door } from "../../support/containers/door.ts";
import { LeasedDoors } from "../../support/agent/leased-door.ts";
import { eventually } from "../../support/eventually.ts";
import { previousRelease } from "../../support/release/previous-release.ts";
import { isInClone, NOT_IN_CLONE, PREVIOUS } from "../../support/release/releases.ts";

const IS_THERE = await isInClone(PREVIOUS);
const LEFT_OUT = IS_THERE ? "" : ` (${NOT_IN_CLONE})`;
/** Building the previous release takes most of it, once. */
const BUILT_WITHIN_MS = 600_000;

const ending = new AsyncDisposableStack();
let bundles: Bundles;
let doors: LeasedDoors;
let door: Door;
beforeAll(async () => {
  bundles = ending.adopt(await Bundles.build(), (built) => built.close());
  doors = ending.adopt(await LeasedDoors.open({ script: bundles.access(bundles.built) }), (open) =>
    open.close(),
  );
  doors.bundle = bundles.built;
  door = await doors.begin("lab");
});
afterAll(() => ending.disposeAsync());

/** Returns the pid of the process that leads the ports now. */
async function upgrade(version: string): Promise<number> {
  const before = doors.bundle ?? "";
  doors.bundle = await bundles.copy(version);
  await doors.print();
  const pid = await takenOver(doors.access, version);
  await retired(doors.access, before);
  // As the agent does when it has found the next one.
  await doors.print();
  return pid;
}

test.runIf(IS_THERE)(
  `one by the previous release's access process goes on through its handover to this release${LEFT_OUT}`,
  async () => {
    const previous = await bundles.add((await previousRelease()).agent);
    await using stack = new AsyncDisposableStack();
    const old = stack.adopt(await LeasedDoors.open({ script: bundles.access(previous) }), (open) =>
      open.close(),
    );
    // What this release's agent names as long as it is on probation.
    old.bundle = previous;
    const lab = await old.begin("lab");
    const { session, client } = await old.enter(lab);
    expect(logged(old.access, TAKEN_OVER)).toEqual([]);

    old.bundle = bundles.built;
    await old.print();
    await takenOver(old.access, bundles.built);
    await retired(old.access, previous);
    await old.print();

    await eventually(() => old.isOpen(session), { what: "a book that knows the session" });
    client.writes("still here\n");
    expect(await client.prints(/still here/)).toBe(true);
    await old.enter(lab);
  },
  BUILT_WITHIN_MS,
);

test("each stays what it is through upgrades; a cut, a process that is lost and a key that is gone end those that they concern", async () => {
  const [first, second] = [await doors.enter(door), await doors.enter(door)];
  const pid = await upgrade("2.0.0-222222222222");
  const third = await doors.enter(door);
  await upgrade("3.0.0-333333333333");
  const fourth = await doors.enter(door);
  const isOpen = () => [first, second, third, fourth].map(({ session }) => doors.isOpen(session));
  await eventually(() => isOpen().every(Boolean), { what: "a book that knows all of them" });

  doors.cuts = [{ sessionId: first.session.sessionId, because: "It was ended by hand." }];
  await doors.print();
  expect(await doors.endOf(first.session)).toMatchObject({ by: "cut", detail: "It was ended by hand." });
  expect(isOpen()).toEqual([false, true, true, true]);

  process.kill(pid, "SIGKILL");
  expect(await doors.endOf(third.session)).toMatchObject({ by: "access-process" });
  expect(isOpen()).toEqual([false, true, false, true]);

  await doors.opensTo(door, ["other"]);
  for (const { session } of [second, fourth]) expect(await doors.endOf(session)).toMatchObject({ by: "cut" });
});
