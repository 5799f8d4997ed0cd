/**
 * `npm run vectors -- FILE`: plays every billing vector of a file through the product's own ingest, rating, ledger and
 * accounts on a Postgres of its own, and prints whatever comes out otherwise than expected, and what a file does not
 * say. Exit status 0 when everything that it says agrees, 1 when something differs, 2 when it is no file of vectors.
 */
import { trialBalance } from "@remotegpu/control-plane/server/store/billing/ledger/ledger";
import { z } from "zod";
import { type BillingVector, readBillingVectors } from "../support/billing/billing-vector.ts";
import { runBillingVector } from "./billing-vector-run.ts";
import { startTemplateServer } from "../support/engines/postgres-servers/postgres-server.ts";
import { freshDatabase } from "../support/engines/postgres.ts";
import { differences, notCompared } from "./differences.ts";

const print = (line: string) => void process.stdout.write(`${line}\n`);

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

interface Outcome {
  /** A line for each. */
  readonly differences: readonly string[];
  readonly notCompared: readonly string[];
}

async function play(vector: BillingVector, serverUrl: string): Promise<Outcome> {
  const fresh = await freshDatabase({ serverUrl });
  try {
    // With the rights of the product's own role, no more.
    const result = await runBillingVector(fresh.application, vector);
    const books = await trialBalance(fresh.application);
    const found = differences(vector.expected, result);
    if (books.total !== "0.0000" || books.unbalancedCustomers > 0)
      found.push(`the books do not agree: ${JSON.stringify(books)}`);
    return { differences: found, notCompared: notCompared(vector.expected, result) };
  } catch (error) {
    const sentence = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { differences: [sentence], notCompared: [] };
  } finally {
    await fresh.drop();
  }
}

const vectors = vectorsOf(process.argv[2]);
const server = await startTemplateServer();
let failed = 0;
try {
  for (const vector of vectors) {
    const outcome = await play(vector, server.url);
    const isPassed = outcome.differences.length === 0;
    if (!isPassed) failed += 1;
    print(`${isPassed ? "passed" : "FAILED"}  ${vector.id}: ${vector.rule}`);
    for (const line of outcome.differences) print(`        ${line}`);
    if (outcome.notCompared.length > 0) print(`        not compared: ${outcome.notCompared.join(", ")}`);
  }
} finally {
  await server.stop();
}
print(`${vectors.length - failed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
