/** Ways into an environment, and what programs beside the browser are given to take one. Pure. */
import type { Access } from "@remotegpu/control-plane/client/generated/api.schemas";

export type AccessMethod = Access["services"][number];
export type ServiceName = AccessMethod["service"];

/** What outlives a stop. */
const CODE_FOLDER = "/gemini/code";

/** VS Code's own form for a folder over SSH; null where there is no address that it could take. */
export function vscodeLink({ reachable, host, port }: AccessMethod): string | null {
  if (!reachable || host === null || port === null) return null;
  return `vscode://vscode-remote/ssh-remote+root@${bracketed(host)}:${port}${CODE_FOLDER}`;
}

/** As clients of Windows, macOS and Linux open it; xrdp asks for the password itself. */
export function rdpFile({ host, port }: { host: string; port: number }): string {
  return [
    `full address:s:${bracketed(host)}:${port}`,
    "username:s:root",
    "enablecredsspsupport:i:0",
    "authentication level:i:2",
    "",
  ].join("\r\n");
}

function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
