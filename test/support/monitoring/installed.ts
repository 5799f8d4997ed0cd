/** Which of Prometheus' programs are installed here; tests with one that is not are left out and say so. */
import { spawnSync } from "node:child_process";

export const hasPromtool = isInstalled("promtool");
/** Debian has both in one package. */
export const hasAlertmanager = isInstalled("prometheus-alertmanager") && isInstalled("amtool");

if (!hasPromtool)
  console.warn("promtool is not installed here: what it checks of alerts and board is left out.");
if (!hasAlertmanager)
  console.warn("Alertmanager or amtool is not installed here: its example is not checked.");

function isInstalled(program: string): boolean {
  return spawnSync(program, ["--version"]).status === 0;
}
