/**
 * Where Node keeps what it compiled: one folder for all programs that tests start, so that each is compiled once. It is
 * the folder of the repository's own commands, unless whoever runs the suite names another.
 */
import { fileURLToPath } from "node:url";

export const COMPILED: { NODE_COMPILE_CACHE: string } = {
  NODE_COMPILE_CACHE:
    process.env["NODE_COMPILE_CACHE"] ??
    fileURLToPath(new URL("../../../node_modules/.cache/compiled", import.meta.url)),
};
