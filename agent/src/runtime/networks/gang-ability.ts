/** Whether this host can be one of a gang's: by making what a gang needs, and taking it away again. */
import { randomInt } from "node:crypto";
import { RuntimeError } from "../docker/runtime-error.ts";
import { runTool } from "./network-tool.ts";

const MAX_VXLAN_ID = 16_777_215;
const LEAST_PORT = 1_024;
const MAX_PORT = 65_535;
const WHY = { why: "there are no networks of gangs" };

/** A sentence; null where nothing is in the way. */
export async function obstacleToGangs(): Promise<string | null> {
  // Another agent of this machine may try at the same moment.
  const device = `rgxt${process.pid}`;
  const kind = `id ${randomInt(1, MAX_VXLAN_ID)} dstport ${randomInt(LEAST_PORT, MAX_PORT)} nolearning df set`;
  try {
    await Promise.all([runTool("iptables", ["-w", "5", "-S", "INPUT"], WHY), runTool("bridge", ["-V"], WHY)]);
    await runTool("ip", ["link", "add", device, "type", "vxlan", ...kind.split(" ")], WHY);
    await runTool("ip", ["link", "delete", device], WHY);
    return null;
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    return error.message;
  }
}
