/** Where a command writes: its answer alone on standard output, logs and remarks on standard error. */
import { COMMAND_LOG, openLog, STANDARD_ERROR } from "@remotegpu/shared/logging/process-log";

export const commandLog = openLog(COMMAND_LOG, STANDARD_ERROR);
export const print = (text: string) => void process.stdout.write(`${text}\n`);
export const report = (text: string) => void process.stderr.write(`${text}\n`);
