/** `remotegpu env exec`: a short command inside an environment, with bytes in and bytes out as they are. */
import { z } from "zod";
import { MAX_EXEC_BYTES, MAX_EXEC_SECONDS } from "@remotegpu/shared/protocol";
import { KIB } from "@remotegpu/shared/units";
import { CliError } from "./cli-error.ts";
import { command, flag, rest, thing } from "./command.ts";
import { segment } from "./list-command.ts";

const LIMIT = `${MAX_EXEC_BYTES / KIB} KiB`;

const ExecAnswer = z.object({
  exit_code: z.int(),
  stdout: z.base64(),
  stderr: z.base64(),
  truncated: z.boolean(),
});

export const EXEC = command({
  name: "exec",
  summary: "run a command inside and print what it prints; exits with its exit code",
  takes: {
    environment: thing("environment", "environment"),
    argv: rest("argv"),
    passesInput: flag("-i, --stdin", `pass standard input on (at most ${LIMIT})`),
    asksForTerminal: flag("-t, --tty", "understood and not served: there is no terminal behind it"),
  },
  passesThrough: true,
  examples: ["env exec mine -- nvidia-smi", "env exec -i mine -- sh -c 'cat > notes' < notes"],
  more: `At most ${MAX_EXEC_SECONDS} s, after which the command is killed and this one exits with 124. Of what it prints the first ${LIMIT} come; a line on standard error says when there was more.`,
  run: async ({ api }, { environment, argv: words, passesInput, asksForTerminal }) => {
    // Everything after the environment is passed through, the customary "--" between them included.
    const argv = words[0] === "--" ? words.slice(1) : words;
    if (argv.length === 0)
      throw new CliError("usage", "Name the command: remotegpu env exec ENVIRONMENT -- COMMAND …");
    if (asksForTerminal) process.stderr.write("remotegpu: -t is left out: exec has no terminal.\n");
    const stdin = passesInput ? { stdin: (await standardInput()).toString("base64") } : {};
    const path = `/environments/${segment(environment)}/exec`;
    const answer = ExecAnswer.parse(await api.post(path, { argv, ...stdin, encoding: "base64" }));
    process.stdout.write(Buffer.from(answer.stdout, "base64"));
    process.stderr.write(Buffer.from(answer.stderr, "base64"));
    // The exit code stays the command's own: it ran to its end, and only what it said is cut.
    if (answer.truncated)
      process.stderr.write(`remotegpu: The output was longer than ${LIMIT}; the rest is cut off.\n`);
    process.exitCode = answer.exit_code;
  },
});

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
