/**
 * `npm run vectors -- FILE`: plays every billing vector of a file through the product's own ingest, rating, ledger and
 * accounts on a Postgres of its own, and prints whatever comes out otherwise than expected. Exit status 0 when
 * everything agrees, 1 when something differs, 2 when the file is not one of vectors.
 */
import { trialBalance } from "@remotegpu/control-plane/store/billing/ledger";
import { z } from "zod";
import { type BillingVector, readBillingVectors } from "../support/billing-vector.ts";
import { runBillingVector } from "../support/billing-vector-run.ts";
import { startTemplateServer } from "../support/postgres-server.ts";
import { freshDatabase } from "../support/postgres.ts";
import { differences } from "./differences.ts";

const say = (line: string) => void process.stdout.write(`${line}\n`);

/** Ends the process with 2 and one line, where the file cannot be played. */
function vectorsOf(path: string | undefined): BillingVector[] {
  if (path === undefined || process.argv.length > 3) return refuse("usage: npm run vectors -- FILE");
  try {
    return readBillingVectors(path);
  } catch (error) {
    const issue = error instanceof z.ZodError ? error.issues[0] : undefined;
    if (issue !== undefined) return refuse(`${path}: ${issue.path.join(".")}: ${issue.message}`);
    return refuse(`${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function refuse(sentence: string): never {
  process.stderr.write(`${sentence}\n`);
  process.exit(2);
}

/** A line for each difference. */
async function play(vector: BillingVector, serverUrl: string): Promise<string[]> {
  const fresh = await freshDatabase({ serverUrl });
  try {
    // With the rights of the product's own role, no more.
    const result = await runBillingVector(fresh.application, vector);
    const books = await trialBalance(fresh.application);
    return [
      ...differences(vector.expected, result),
      ...(books.total === "0.0000" && books.unbalancedCustomers === 0
        ? []
        : [`the books do not agree: ${JSON.stringify(books)}`]),
    ];
  } catch (error) {
    return [error instanceof Error ? (error.stack ?? error.message) : String(error)];
  } finally {
    await fresh.drop();
  }
}

const vectors = vectorsOf(process.argv[2]);
const server = await startTemplateServer();
let failed = 0;
try {
  for (const vector of vectors) {
    const lines = await play(vector, server.url);
    if (lines.length > 0) failed += 1;
    say(`${lines.length === 0 ? "passed" : "FAILED"}  ${vector.id}: ${vector.rule}`);
    for (const line of lines) say(`        ${line}`);
  }
} finally {
  await server.stop();
}
say(`${vectors.length - failed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
