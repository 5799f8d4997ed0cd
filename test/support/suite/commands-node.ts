/** The Node that the remotegpu command is tried with: this one, or an older one that a proof names. */
import { execFileSync } from "node:child_process";

export const NODE = process.env["COMMANDS_NODE"] ?? process.execPath;
/** As `v24.0.0`. */
export const NODE_VERSION = execFileSync(NODE, ["--version"], { encoding: "utf8" }).trim();
