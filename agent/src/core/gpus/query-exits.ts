/**
 * What an exit code of nvidia-smi says. Numbers and texts are those of `man nvidia-smi`, RETURN VALUE; what follows from
 * each is ours. A code of a GPU may come of one that spoils the answer of all, so the others are queried singly then.
 */
import { signOf, type Sign } from "./gpu-condition.ts";

export type ExitMeaning = {
  /**
   * `complete`: the answer stands. `nothing-found`: no such GPU. `host`: no GPU can be read, and none is to blame.
   * `gpu`: one of those that were asked about is to blame.
   */
  kind: "complete" | "nothing-found" | "host" | "gpu";
  /** The sign of the GPU that alone was queried. */
  sign: Sign | null;
  /** The manual's words. */
  meaning: string;
};

const exit = (kind: ExitMeaning["kind"], meaning: string, sign: Sign | null = null): ExitMeaning => ({
  kind,
  sign,
  meaning,
});

const MEANINGS: ReadonlyMap<number, ExitMeaning> = new Map([
  [0, exit("complete", "success")],
  [2, exit("host", "a supplied argument or flag is invalid")],
  [3, exit("gpu", "the requested operation is not available on the target device")],
  [4, exit("host", "the current user does not have permission to access this device")],
  [6, exit("nothing-found", "a query to find an object was unsuccessful")],
  [8, exit("gpu", "a device's external power cables are not properly attached", signOf("no-power"))],
  [9, exit("host", "the NVIDIA driver is not loaded")],
  [10, exit("gpu", "the NVIDIA kernel detected an interrupt issue with a GPU", signOf("no-interrupts"))],
  [12, exit("host", "the NVML shared library couldn't be found or loaded")],
  [13, exit("host", "the local version of NVML doesn't implement this function")],
  // The table is printed whole, and the GPU computes: what it can no longer store is its own history.
  [14, exit("complete", "the infoROM is corrupted")],
  [
    15,
    exit(
      "gpu",
      "the GPU has fallen off the bus or has otherwise become inaccessible",
      signOf("gpu-lost", "proof"),
    ),
  ],
  [255, exit("gpu", "another error or internal driver error occurred")],
]);

/** A number outside of the manual, that of a killed child included, may come of one GPU as well. */
export function exitMeaning(code: number): ExitMeaning {
  return MEANINGS.get(code) ?? exit("gpu", "an exit code that the manual does not name");
}

/** For the documentation's test and for people: every code that is known, in order. */
export function knownExits(): [number, ExitMeaning][] {
  return [...MEANINGS].toSorted(([a], [b]) => a - b);
}
