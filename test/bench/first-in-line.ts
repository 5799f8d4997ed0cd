/**
 * Who gets a core first where all of a measurement runs on one machine. Whoever measures comes before whoever serves, and
 * both before all others, so that they wait for nobody who would be on another machine in truth. What helps a process along
 * beside its main thread, above all to collect garbage, comes after what serves: it would else hold a core for as long as
 * it likes, as nobody takes one from a thread of this kind. But a main thread asks again and again whether that work is done,
 * so that two of them, a core each, would keep it from being done for ever: this process rests for a moment where it has
 * computed all the time. Needs root, as the product's tests do.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";

const PLACES = { measures: 3, serves: 2, helps: 1, follows: 0 } as const;
type Place = keyof typeof PLACES;

const CHECK_EVERY_MS = 50;
const REST_MS = 5;

/** This process serves, and whatever it starts from now on, until the measurement ends. */
export function goFirst(ending: AsyncDisposableStack): void {
  standIn("serves", process.pid);
  const resting = setInterval(restAfterWork(), CHECK_EVERY_MS);
  ending.defer(() => clearInterval(resting));
  ending.defer(() => threadsOf(process.pid).forEach((thread) => standIn("follows", thread)));
}

function restAfterWork(): () => void {
  const nobodyWakes = new Int32Array(new SharedArrayBuffer(4));
  let before = process.cpuUsage();
  let beforeMs = performance.now();
  return () => {
    const { user, system } = process.cpuUsage(before);
    const isAllTheTime = (user + system) / 1_000 > 0.9 * (performance.now() - beforeMs);
    if (isAllTheTime) Atomics.wait(nobodyWakes, 0, 0, REST_MS);
    before = process.cpuUsage();
    beforeMs = performance.now();
  };
}

/** For a process that this one has started, with all its threads. */
export function state(place: Place, pid: number | undefined): void {
  if (pid === undefined) throw new Error("it was not started");
  for (const thread of threadsOf(pid)) standIn(place, thread);
}

/** Of this process and all that it has started: what is no main thread, and any of these. */
export function letHelp(pids: readonly number[]): void {
  const started = [process.pid, ...startedBy(process.pid)];
  for (const pid of started)
    for (const thread of threadsOf(pid)) if (thread !== pid || pids.includes(pid)) standIn("helps", thread);
}

function standIn(place: Place, thread: number): void {
  const how = PLACES[place] === 0 ? "--other" : "--rr";
  try {
    execFileSync("chrt", [how, "--pid", String(PLACES[place]), String(thread)], { stdio: "ignore" });
  } catch (error) {
    // A thread of a process that has just begun may have ended since it was listed.
    if (existsSync(`/proc/${thread}`)) throw error;
  }
}

function threadsOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).map(Number);
}

function startedBy(pid: number): number[] {
  const children = threadsOf(pid).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8").split(" ").filter(Boolean).map(Number),
  );
  return children.flatMap((child) => [child, ...startedBy(child)]);
}
