/**
 * A measurement in a process that collects its garbage as the product's units do: how much of it is left at a time is set
 * when a process begins.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { QUICK_COLLECTION } from "@remotegpu/control-plane/server/quickstart/stage";

export const collectsQuickly = process.env["NODE_OPTIONS"] === QUICK_COLLECTION.NODE_OPTIONS;

/** The measurement of that name, in such a process. */
export async function again(
  name: string,
  ending: AsyncDisposableStack,
  options: readonly string[] = [],
): Promise<void> {
  const args = [new URL("main.ts", import.meta.url).pathname, name, ...options];
  const env = { ...process.env, ...QUICK_COLLECTION };
  const bench = spawn(process.execPath, args, { env, stdio: "inherit" });
  ending.defer(() => void bench.kill());
  const [code] = (await once(bench, "exit")) as [number | null];
  if (code !== 0) throw new Error(`the bench ended with ${code}`);
}
