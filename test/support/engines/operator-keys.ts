/**
 * The keys of NATS's operator for tests without a NATS server, made once for a run of the suite: making them takes longer
 * than most tests do. The first who needs them makes them, whichever process that is. Servers have keys of their own, so
 * that nobody is let in by another test's server that happens to listen on the same port.
 */
import { copyFileSync, mkdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { openOperator, type Operator } from "@remotegpu/control-plane/server/link/servers/operator";

/** Undefined outside of the suite, as in a benchmark. */
function fileOfRun(): string | undefined {
  const run = process.env["REMOTEGPU_TEST_RUN"];
  return run === undefined ? undefined : join(tmpdir(), `${run}operator.json`);
}

/** @param file of the test's own, in which they are as in a state folder */
export async function openTestOperator(file: string): Promise<Operator> {
  const shared = fileOfRun();
  if (shared !== undefined) {
    await openOperator(shared);
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    copyFileSync(shared, file);
  }
  return await openOperator(file);
}

export default function setup(): () => Promise<void> {
  return async () => {
    const shared = fileOfRun();
    if (shared !== undefined) await rm(shared, { force: true });
  };
}
