/** What the processes of a container wait for, as people are told it: those alike together, in plain characters. Pure. */
import { MAX_REPORTED_PROCESSES, type WaitingProcesses } from "@remotegpu/shared/instance/progress";

export type ProcessState = Omit<WaitingProcesses, "count">;

const MAX_NAME = 64;
/** What calls itself by something else may be anything. */
const UNPRINTABLE = /[^\x20-\x7e]/g;

export function waitingProcesses(found: readonly ProcessState[]): WaitingProcesses[] {
  const alike = Map.groupBy(found.slice(0, MAX_REPORTED_PROCESSES).map(plain), ({ name, state, waitsIn }) =>
    JSON.stringify([name, state, waitsIn]),
  );
  return [...alike.values()].flatMap((same) =>
    same.slice(0, 1).map((one) => ({ ...one, count: same.length })),
  );
}

function plain({ name, state, waitsIn }: ProcessState): ProcessState {
  return { name: printable(name), state, waitsIn: waitsIn && printable(waitsIn) };
}

function printable(text: string): string {
  return text.replaceAll(UNPRINTABLE, "?").slice(0, MAX_NAME);
}
