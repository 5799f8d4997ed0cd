/**
 * `remotegpu proof` fetches the proof of a bill; `remotegpu verify-bill` judges one, without a server and without a key,
 * since whoever doubts a bill should have to ask nobody.
 */
import { closeSync, openSync, readFileSync, renameSync, rmSync, statSync, writeSync } from "node:fs";
import { once } from "node:events";
import { MIB } from "@remotegpu/shared/units";
import type { z } from "zod";
import { PROOF_FORMAT, ProofDocument } from "../../proof/proof-document.ts";
import { wholeNumber, words } from "../arguments.ts";
import { CliError, EXIT_CODES } from "../cli-error.ts";
import { argument, command, option, type Command } from "../command.ts";
import type { Context } from "../context.ts";
import { type Output, printDone, safeText } from "../output.ts";

/** About what one string of JavaScript holds; a run of a year is far smaller. */
const MAX_FILE_BYTES = 500 * MIB;

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
    run: async ({ output }, { file }) => await verify(output, file),
  }),
];

async function fetchProof({ api, output }: Context, record: number, path?: string): Promise<void> {
  const route = `/billing/records/${record}/proof`;
  const { signal } = new AbortController();
  if (path === undefined) {
    const print = async (bytes: Buffer) => {
      if (!process.stdout.write(bytes)) await once(process.stdout, "drain");
    };
    return await api.stream(route, {}, { signal, write: print });
  }
  // Half a proof proves nothing, so the name stands for a whole one only.
  const part = `${path}.part`;
  const file = opened(part);
  try {
    await api.stream(route, {}, { signal, write: async (bytes) => void writeSync(file, bytes) });
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

async function verify(output: Output, path: string): Promise<void> {
  const proof = readProof(path);
  // The verifier brings libraries that no other command needs.
  const { verifyBill } = await import("../../proof/verify-bill.ts");
  const { faults, notes, statement } = verifyBill(proof);
  if (faults.length > 0) process.exitCode = EXIT_CODES.refused;
  if (output.format === "json")
    return output.write(
      `${JSON.stringify({ holds: faults.length === 0, faults, notes, statement }, null, 2)}\n`,
    );
  const lines =
    faults.length > 0
      ? [...faults, `This bill does not hold (faults: ${faults.length}).`]
      : [...notes.map((note) => `Note: ${note}.`), statement];
  output.write(lines.map((line) => `${safeText(line)}\n`).join(""));
}

/** @throws CliError for what cannot be read, or is no proof: usage, and refused */
function readProof(path: string): ProofDocument {
  const parsed = ProofDocument.safeParse(jsonOf(path));
  if (parsed.success) return parsed.data;
  throw new CliError("refused", `${path} is no ${PROOF_FORMAT}: ${issueText(parsed.error.issues[0])}.`);
}

function jsonOf(path: string): unknown {
  let text: string;
  try {
    if (statSync(path).size > MAX_FILE_BYTES)
      throw new CliError("refused", `${path} is larger than any proof: ${MAX_FILE_BYTES / MIB} MiB at most.`);
    text = readFileSync(path, "utf8");
  } catch (cause) {
    if (cause instanceof CliError) throw cause;
    throw new CliError("usage", `${path} cannot be read.`, { cause });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new CliError("refused", `${path} is no JSON, or not all of it.`, { cause });
  }
}

function issueText(issue: z.core.$ZodIssue | undefined): string {
  return issue === undefined ? "it cannot be read" : safeText(`${issue.path.join(".")}: ${issue.message}`);
}
