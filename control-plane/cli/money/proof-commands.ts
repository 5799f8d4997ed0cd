/**
 * `remotegpu proof` fetches the proof of a bill; `remotegpu verify-bill` judges one, without a server and without a key,
 * since whoever doubts a bill should have to ask nobody.
 */
import { getBillingRecordProof } from "../../client/generated/api.ts";
import { closeSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { wholeNumber, words } from "../framework/arguments.ts";
import { CliError } from "../framework/cli-error.ts";
import { argument, command, option, type Command } from "../framework/command.ts";
import type { Context } from "../framework/context.ts";
import { printDone } from "../framework/output.ts";
import { verify } from "./bill-verification.ts";
import { BytesOut } from "../terminal/outputs.ts";

export const PROOFS: readonly Command[] = [
  command({
    name: "proof",
    summary: "all that a billing record came from, as one file for verify-bill",
    takes: {
      record: argument("record", wholeNumber()),
      file: option("--output <file>", "where to write it; standard output by default", words()),
    },
    run: async (context, { record, file }) => await fetchProof(context, record, file),
  }),
  command({
    name: "verify-bill",
    summary: "verify the proof of a bill, offline: rows, signatures, time, prices, amounts, ledger",
    takes: { file: argument("file", words()) },
    more: "Exits with 0 when all holds, with 1 and a line for each thing that does not.",
    run: ({ output }, { file }) => Promise.resolve(verify(output, file)),
  }),
];

async function fetchProof({ api, output }: Context, record: number, path?: string): Promise<void> {
  const request = getBillingRecordProof(record);
  const { signal } = new AbortController();
  if (path === undefined) {
    const out = new BytesOut("stdout", { isRaw: output.isRaw === true });
    await api.stream(request, { signal, write: (bytes) => out.write(bytes) });
    return out.end();
  }
  // Half a proof proves nothing, so the name stands for a whole one only.
  const part = `${path}.part`;
  const file = opened(part);
  try {
    await api.stream(request, { signal, write: async (bytes) => void writeSync(file, bytes) });
    renameSync(part, path);
  } finally {
    closeSync(file);
    rmSync(part, { force: true });
  }
  printDone(output, `Written to ${path}. Verify it: remotegpu verify-bill ${path}`, { file: path });
}

function opened(path: string): number {
  try {
    return openSync(path, "w", 0o600);
  } catch (cause) {
    throw new CliError("usage", `${path} cannot be written.`, { cause });
  }
}
