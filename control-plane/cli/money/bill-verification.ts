/** Judges the file that `remotegpu proof` wrote and says what was found. */
import { readFileSync, statSync } from "node:fs";
import { MIB } from "@remotegpu/shared/values/units";
import type { z } from "zod";
import { NODE } from "../../server/proof/node-cryptography.ts";
import { PROOF_FORMAT, ProofDocument } from "../../server/proof/proof-document.ts";
import { verifyBill } from "../../server/proof/verify-bill.ts";
import { CliError, EXIT_CODES } from "../framework/cli-error.ts";
import { type Output } from "../framework/output.ts";
import { safeText } from "../terminal/safe-text.ts";

/** About what one string of JavaScript holds; a run of a year is far smaller. */
const MAX_FILE_BYTES = 500 * MIB;

/** @throws CliError for what cannot be read, or is no proof: usage, and refused */
export function verify(output: Output, path: string): void {
  const { faults, notes, statement } = verifyBill(readProof(path), NODE);
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
