/** Which of Prometheus' programs are installed here; tests with one that is not are left out and say so. */
import { spawnSync } from "node:child_process";

export const hasPromtool = isInstalled("promtool");
/** Debian has both in one package. */
export const hasAlertmanager = isInstalled("prometheus-alertmanager") && isInstalled("amtool");

function isInstalled(program: string): boolean {
  return spawnSync(program, ["--version"]).status === 0;
}
