/** `simulate-fault`: a simulated card of this host falls sick, or is well again, for whoever wants to see what then happens. */
import type { Config } from "../config/config.ts";
import { changeSimulatedFault } from "../host/gpus/simulated/simulated-faults.ts";
import { readSimulatedState } from "../host/gpus/simulated/simulated-gpu-state.ts";
import { simulatedGpuFiles } from "../host/gpus/simulated/simulated-gpus.ts";
import { CommandRefusedError } from "./command-refused.ts";

/** The word that takes faults back. */
const WELL = "well";

/** @throws CommandRefusedError where there is no such card or no such fault */
export async function simulateFault(
  { stateDir }: Pick<Config, "stateDir">,
  { card, fault }: { card: string; fault: readonly string[] },
  print: (text: string) => void,
): Promise<void> {
  const state = await readSimulatedState(simulatedGpuFiles(stateDir).stateFile);
  if (state === null) throw new CommandRefusedError(`${stateDir} has no simulated cards.`);
  const found = state.cards.find(({ index, uuid }) => card === String(index) || card === uuid);
  if (card !== "all" && found === undefined)
    throw new CommandRefusedError(`There is no simulated card ${card}: there are ${state.cards.length}.`);
  const isWell = fault[0] === WELL && fault.length === 1;
  try {
    await changeSimulatedFault(stateDir, found?.uuid ?? null, isWell ? null : fault);
  } catch (error) {
    if (error instanceof RangeError) throw new CommandRefusedError(error.message);
    throw error;
  }
  print(`${found?.uuid ?? "nvidia-smi"}: ${fault.join(" ")}`);
}
