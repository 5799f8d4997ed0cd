/** Runs one of the host's programs for networks to its end. */
import { execa } from "execa";
import { RuntimeError } from "../docker/runtime-error.ts";

const DEADLINE_MS = 15_000;

export type NetworkTool = "ip" | "bridge" | "iptables" | "iptables-save" | "iptables-restore";

/**
 * @param why it matters, in the sentence of the error
 * @returns what it said
 * @throws RuntimeError where it fails or is not there
 */
export async function runTool(
  tool: NetworkTool,
  args: readonly string[],
  { input = "", why }: { input?: string; why: string },
): Promise<string> {
  const result = await execa(tool, args, { reject: false, timeout: DEADLINE_MS, input });
  if (result.exitCode === 0) return result.stdout;
  throw new RuntimeError(`cannot run ${tool}, without which ${why}: ${result.stderr ?? ""}`, {
    cause: result,
  });
}
