/**
 * What simulated cards show on demand: the faults of real ones, as their nvidia-smi and their kernel printed them. They
 * stand in a file beside the cards' state, which the simulated nvidia-smi reads each time, and hold until they are taken
 * back. Lines of KIND|UUID|VALUE; a line without a UUID is about the whole command.
 */
import { appendFile, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { GpuUuid } from "@remotegpu/shared/values/ids";
import { readSimulatedState, replaceFile, simulatedBusId } from "./simulated-gpu-state.ts";
import { simulatedGpuFiles, type SimulatedGpuFiles } from "./simulated-gpus.ts";

/**
 * A fault by its name, with what may follow it:
 * - `lost`: no longer listed; `fall`: the same, and the kernel says that it has fallen off the bus;
 * - `lost-listed [WORDS]`: listed, with "GPU is lost" (or "Unknown Error", "ERR!") where its readings were;
 * - `requires-reset`: "GPU requires reset" for temperature and use, no memory used;
 * - `exit CODE`: with 15 or 255 no answer that this card is part of can be used, others asked for singly answer;
 *   of the whole command, whatever it is asked;
 * - `recovery ACTION`: "Reset", "Reboot", "Drain P2P", "Drain and Reset";
 * - `fabric STATE`: "In Progress", "Unhealthy", "Completed";
 * - `mig`: MIG mode is on, and the card is cut; `silent`: no readings; `ecc COUNT`; `pending`; `throttle REASON`;
 * - `hang`: no answer that this card is part of comes; of the whole command, none at all;
 * - `lie`: the CSV says that all is well, and the XML that the card is lost;
 * - `flap FAULT`: shows that fault in every other sample; `garbage`: of the whole command alone.
 */
const FAULTS: Readonly<Record<string, { of: "card" | "command" | "both"; value: "none" | "may" | "must" }>> =
  {
    lost: { of: "card", value: "none" },
    fall: { of: "card", value: "none" },
    "lost-listed": { of: "card", value: "may" },
    "requires-reset": { of: "card", value: "none" },
    exit: { of: "both", value: "must" },
    recovery: { of: "card", value: "must" },
    fabric: { of: "card", value: "must" },
    mig: { of: "card", value: "none" },
    silent: { of: "card", value: "none" },
    ecc: { of: "card", value: "must" },
    pending: { of: "card", value: "none" },
    throttle: { of: "card", value: "must" },
    hang: { of: "both", value: "none" },
    lie: { of: "card", value: "none" },
    flap: { of: "card", value: "must" },
    garbage: { of: "command", value: "none" },
  };

/** Of one card, or with null of the whole command. `words` are a fault's name and what follows it. */
export type SimulatedFault = { uuid: GpuUuid | null; words: readonly string[] };

/** @throws RangeError a sentence that says what is wrong with the words */
export function faultLine({ uuid, words: [name = "", ...rest] }: SimulatedFault): string {
  const fault = Object.hasOwn(FAULTS, name) ? FAULTS[name] : undefined;
  if (fault === undefined)
    throw new RangeError(`There is no fault "${name}". There are: ${Object.keys(FAULTS).join(", ")}.`);
  if (fault.of === (uuid === null ? "card" : "command"))
    throw new RangeError(`The fault ${name} is one of ${uuid === null ? "a card" : "the whole command"}.`);
  const value = name === "flap" ? faultLine({ uuid, words: rest }).replace(`|${uuid}`, "") : rest.join(" ");
  if (/[|\n]/.test(rest.join(" "))) throw new RangeError("A fault has no | in it.");
  if (fault.value === "must" && value === "") throw new RangeError(`The fault ${name} needs a value.`);
  if (fault.value === "none" && value !== "") throw new RangeError(`The fault ${name} takes no value.`);
  return [name, uuid ?? "", value].join("|").replace(/\|+$/, "");
}

/**
 * From now on exactly these faults are shown; none takes all back.
 * @throws RangeError as `faultLine`
 */
export async function setSimulatedFaults(stateDir: string, faults: readonly SimulatedFault[]): Promise<void> {
  const files = simulatedGpuFiles(stateDir);
  await writeFaults(files, faults.map(faultLine));
  for (const { uuid, words } of faults) if (uuid !== null && words[0] === "fall") await logFall(files, uuid);
}

/**
 * This fault is shown beside those that are shown already; null takes back those of the card, or of the whole command.
 * @throws RangeError as `faultLine`
 */
export async function changeSimulatedFault(
  stateDir: string,
  uuid: GpuUuid | null,
  words: readonly string[] | null,
): Promise<void> {
  const files = simulatedGpuFiles(stateDir);
  const added = words === null ? null : faultLine({ uuid, words });
  const lines = await linesOf(faultsFile(files));
  const others = lines.filter((line) => (line.split("|")[1] ?? "") !== (uuid ?? ""));
  await writeFaults(files, added === null ? others : [...lines, added]);
  if (uuid !== null && words?.[0] === "fall") await logFall(files, uuid);
}

async function writeFaults(files: SimulatedGpuFiles, lines: readonly string[]): Promise<void> {
  // Samples are counted anew under other faults.
  await rm(join(files.dir, "samples"), { force: true });
  if (lines.length === 0) return await rm(faultsFile(files), { force: true });
  await replaceFile(faultsFile(files), lines.map((line) => `${line}\n`).join(""), 0o644);
}

async function logFall(files: SimulatedGpuFiles, uuid: GpuUuid): Promise<void> {
  const state = await readSimulatedState(files.stateFile);
  const card = state?.cards.find((one) => one.uuid === uuid);
  if (card === undefined) return;
  // With four digits of the domain, as the driver writes it.
  const busId = simulatedBusId(card.index).slice(4).toLowerCase();
  await logLine(files, `NVRM: GPU ${busId}: GPU has fallen off the bus.`);
}

/** A line of the driver, as /dev/kmsg has it, after those that are there. */
async function logLine({ kernelLog }: SimulatedGpuFiles, text: string): Promise<void> {
  const last = (await linesOf(kernelLog)).at(-1)?.split(",")[1];
  await appendFile(kernelLog, `4,${Number(last ?? 0) + 1},99887766,-;${text}\n`);
}

function faultsFile({ stateFile }: SimulatedGpuFiles): string {
  return join(dirname(stateFile), "faults");
}

/** A file that is not there has none. */
async function linesOf(file: string): Promise<string[]> {
  try {
    return (await readFile(file, "utf8")).split("\n").filter((line) => line !== "");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}
