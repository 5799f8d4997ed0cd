/** How the remotegpu command is installed from a server: one line, and what comes after it. */

export const COMMAND_PATH = "/cli/remotegpu.mjs";

/** @param server without a slash at its end */
export function installLine(server: string): string {
  const target = "~/.local/bin/remotegpu";
  return `mkdir -p ~/.local/bin && curl -fsSL ${server}${COMMAND_PATH} -o ${target} && chmod +x ${target}`;
}

export function installLines(server: string): string {
  const lines = [
    "# The remotegpu command, for Node 20 or newer and the OpenSSH client. The same line brings a newer one.",
    "# Where the server's certificate comes from a CA of its own: its owner has a file of that, ca.pem; curl",
    "# takes it by --cacert ca.pem, login by --ca ca.pem.",
    installLine(server),
    `~/.local/bin/remotegpu login --server ${server}`,
  ];
  return `${lines.join("\n")}\n`;
}
