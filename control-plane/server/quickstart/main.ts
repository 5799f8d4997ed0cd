/**
 * `npm start` and `npm run demo`: the way of one order on this host, from an empty folder to a bill. Both play the
 * same story over HTTP with the product's own processes; only how they end differs.
 */
import { chmodSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { CliError } from "../../cli/framework/cli-error.ts";
import { playDemo, playStart } from "./story.ts";
import { StartError } from "./start-error.ts";
import { assertPortFree, Stage } from "./stage.ts";
import { claimStateFolder, removeStateFolder, START_FOLDER } from "./state-folder.ts";

const DEFAULT_PORT = 8080;
/** As many as an agent carries. */
const MAX_SIMULATED_GPUS = 16;

const print = (line: string) => void process.stdout.write(`${line}\n`);
const program = new Command("npm");

program
  .command("start", { isDefault: true })
  .option("--port <port>", "port of the API on 127.0.0.1", port, DEFAULT_PORT)
  .option("--state <folder>", "where the database, keys and files are kept", START_FOLDER)
  .option("--simulated-gpus <count>", "carry simulated GPUs even beside real ones", gpuCount)
  .option("--clean", "remove the state folder and end")
  .action(start);
program
  .command("demo")
  .option("--keep-logs <folder>", "copy the processes' logs there before everything is cleaned away")
  .action(demo);
program.enablePositionalOptions();

process.exitCode = await endOf(program.parseAsync());

async function start(options: {
  port: number;
  state: string;
  simulatedGpus?: number;
  clean?: true;
}): Promise<void> {
  if (options.clean) return clean(options.state);
  // Asked before anything is written: a start that is refused leaves nothing behind.
  Stage.assertNotRunning(options.state);
  await assertPortFree(options.port);
  claimStateFolder(options.state);
  await using stage = new Stage({ ...options, root: options.state, print, throwaway: false });
  await playStart(stage);
}

async function demo(options: { keepLogs?: string }): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), "remotegpu-demo-"));
  chmodSync(root, 0o711);
  try {
    await using stage = new Stage({ root, port: 0, print, throwaway: true, ...options });
    await playDemo(stage);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
  print("Everything of the demo is cleaned away.");
}

function clean(folder: string): void {
  if (!existsSync(folder)) return print(`There is nothing in ${folder}.`);
  if (Stage.isRunning(folder))
    throw new StartError(`npm start is running on ${folder}; end it first (Ctrl-C).`);
  removeStateFolder(folder);
  print(`${folder} is removed.`);
}

function port(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 65_535) throw new InvalidArgumentError("Give a port.");
  return value;
}

function gpuCount(text: string): number {
  if (!/^\d{1,2}$/.test(text) || Number(text) > MAX_SIMULATED_GPUS)
    throw new InvalidArgumentError(`Give a number from 0 to ${MAX_SIMULATED_GPUS}.`);
  return Number(text);
}

async function endOf(story: Promise<unknown>): Promise<number> {
  try {
    await story;
    return 0;
  } catch (error) {
    if (!(error instanceof StartError) && !(error instanceof CliError)) throw error;
    process.stderr.write(`\n${error.message}\n`);
    return error instanceof StartError ? error.exitCode : 1;
  }
}
