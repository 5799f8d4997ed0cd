/** The dashboard, built once for these sources beside them, where every control plane of this checkout finds it. */
import { readFile } from "node:fs/promises";
import { builtFolder, BUILT_BESIDE, DashboardFiles } from "@remotegpu/control-plane/server/dashboard-files";
import type { ServedDashboard } from "@remotegpu/control-plane/server/http/served-dashboard";
import { eventually } from "../eventually.ts";
import { quietLog } from "../quiet-log.ts";

/** The folder that the bundler wrote, with its manifest. */
export async function builtDashboard(): Promise<string> {
  return await builtFolder(BUILT_BESIDE);
}

/** Before the first file: those that run side by side would all build it. */
export default async function setup(): Promise<void> {
  await builtDashboard();
}

/** As the API is given it. */
export async function servedDashboard(): Promise<() => ServedDashboard> {
  await builtDashboard();
  const files = new DashboardFiles(BUILT_BESIDE, quietLog);
  const served = () => files.served();
  await eventually(() => served().state === "built", { what: "the dashboard in memory" });
  return served;
}

/** What the bundler says of each source file: its output, and what comes with it. */
export interface ManifestChunk {
  file: string;
  isEntry?: boolean;
  imports?: string[];
  dynamicImports?: string[];
  css?: string[];
  /** Workers among them. */
  assets?: string[];
}

export async function manifestOf(folder: string): Promise<Record<string, ManifestChunk>> {
  return JSON.parse(await readFile(`${folder}/.vite/manifest.json`, "utf8")) as Record<string, ManifestChunk>;
}
