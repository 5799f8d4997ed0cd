/** `remotegpu env exec` and the like: a short command inside a workload, with bytes in and bytes out as they are. */
import { type ApiRequest } from "../../client/api-request.ts";
import type { ExecAnswer, ExecOrder } from "../../client/generated/api.schemas.ts";
import { z } from "zod";
import { MAX_EXEC_BYTES, MAX_EXEC_SECONDS } from "@remotegpu/shared/messages/exec-limits";
import { KIB } from "@remotegpu/shared/values/units";
import { CliError, EXIT_CODES } from "../framework/cli-error.ts";
import { wholeNumber } from "../framework/arguments.ts";
import { command, flag, option, rest, resourceField, type Command } from "../framework/command.ts";
import type { Output } from "../framework/output.ts";
import { BytesOut, writeMessage } from "../terminal/outputs.ts";
import type { Kind } from "../framework/resource-fields.ts";

const LIMIT = `${MAX_EXEC_BYTES / KIB} KiB`;

const Printed = z.object({ stdout: z.base64(), stderr: z.base64(), truncated: z.boolean() });
const TooLate = z.object({ printed: Printed });

export type ExecRequest = (id: string, order: ExecOrder, query?: { rank?: number }) => ApiRequest<ExecAnswer>;

interface Inside {
  /** The name of the group of commands: `env`. */
  name: string;
  kind: Kind;
  hasRanks: boolean;
  exec: ExecRequest;
}

export function execIn({ name, kind, hasRanks, exec }: Inside): Command {
  const rank = {
    rank: option("--rank <number>", "in which of its instances; in 0 unless told", wholeNumber()),
  };
  return command({
    name: "exec",
    summary: "run a command inside and print what it prints; exits with its exit code",
    takes: {
      workload: resourceField(kind, kind),
      argv: rest("argv"),
      passesInput: flag("-i, --stdin", `pass standard input on (at most ${LIMIT})`),
      needsTerminal: flag("-t, --tty", "understood and not served: there is no terminal behind it"),
      ...(hasRanks ? rank : {}),
    },
    passesThrough: true,
    examples: [
      `${name} exec mine -- nvidia-smi`,
      hasRanks
        ? `${name} exec --rank 1 mine -- nvidia-smi`
        : `${name} exec -i mine -- sh -c 'cat > notes' < notes`,
    ],
    more: `At most ${MAX_EXEC_SECONDS} s, after which the command is killed and this one exits with 124. Of what it prints the first ${LIMIT} come; where there was more, this one exits with ${EXIT_CODES.cutOff}, whatever the command's own exit code. Ctrl-C ends the command inside, too.`,
    run: async ({ api, output }, { workload, argv: words, passesInput, needsTerminal, rank }) => {
      // Everything after the workload is passed through, the customary "--" between them included.
      const argv = words[0] === "--" ? words.slice(1) : words;
      if (argv.length === 0)
        throw new CliError(
          "usage",
          `Name the command: remotegpu ${name} exec ${kind.toUpperCase()} -- COMMAND …`,
        );
      if (needsTerminal) writeMessage("remotegpu: -t is left out: exec has no terminal.\n");
      const stdin = passesInput ? { stdin: (await standardInput()).toString("base64") } : {};
      const query = typeof rank === "number" ? { rank } : {};
      const order = exec(workload, { argv, ...stdin, encoding: "base64" }, query);
      const request = async (signal: AbortSignal) => await api.send(order, { signal });
      await printed(output, request);
    },
  });
}

/** What it prints and its exit code, as they come. */
async function printed(output: Output, request: (signal: AbortSignal) => Promise<ExecAnswer>): Promise<void> {
  try {
    const answer = await untilInterrupted(request);
    await show(output, answer, { exit_code: answer.exit_code, timed_out: false });
    if (answer.truncated)
      throw new CliError(
        "cutOff",
        `The output was longer than ${LIMIT}; the rest is cut off. The command itself exited with ${answer.exit_code}.`,
      );
    process.exitCode = answer.exit_code;
  } catch (error) {
    const late = TooLate.safeParse(error instanceof CliError ? error.answer : undefined);
    if (late.success) await show(output, late.data.printed, { exit_code: null, timed_out: true });
    throw error;
  }
}

/** The bytes, each on its own output; for scripts one object, with text. */
async function show(output: Output, printed: z.infer<typeof Printed>, end: object): Promise<void> {
  const [stdout, stderr] = [Buffer.from(printed.stdout, "base64"), Buffer.from(printed.stderr, "base64")];
  if (output.format === "json") {
    const texts = { stdout: String(stdout), stderr: String(stderr), truncated: printed.truncated };
    return output.write(`${JSON.stringify({ ...end, ...texts }, null, 2)}\n`);
  }
  for (const [to, bytes] of [
    ["stdout", stdout],
    ["stderr", stderr],
  ] as const) {
    const out = new BytesOut(to, { isRaw: output.isRaw === true });
    await out.write(bytes);
    out.end();
  }
}

/** Closing the request ends the command inside. */
async function untilInterrupted(request: (signal: AbortSignal) => Promise<ExecAnswer>): Promise<ExecAnswer> {
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort();
  process.once("SIGINT", interrupt);
  try {
    return await request(interrupted.signal);
  } catch (cause) {
    if (!interrupted.signal.aborted) throw cause;
    throw new CliError("interrupted", "Interrupted; the command inside is ended, too.", { cause });
  } finally {
    process.off("SIGINT", interrupt);
  }
}

/** What is too long is not read to its end: that may never come. */
async function standardInput(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_EXEC_BYTES)
      throw new CliError(
        "usage",
        `Standard input may have at most ${LIMIT}; carry more in by a dataset or in pieces.`,
      );
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
