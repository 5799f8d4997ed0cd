/** What `--help` tells a person: something about every command, and sizes as a person writes them. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import type { ApiClient } from "@remotegpu/control-plane/cli/framework/api-client";
import { commandApi } from "../../../support/http/command-api.ts";
import { isGroup, type Group } from "@remotegpu/control-plane/cli/framework/command";
import { candidates, SCRIPTS } from "@remotegpu/control-plane/cli/completion";
import { remotegpu, TREE } from "@remotegpu/control-plane/cli/program";

type Command = ReturnType<typeof remotegpu>;

const all = below(remotegpu());

function below(command: Command): Command[] {
  return command.commands.flatMap((child) => [child, ...below(child)]);
}

function fullName(command: Command): string {
  return command.parent === null ? command.name() : `${fullName(command.parent)} ${command.name()}`;
}

test("every command describes what it does", () => {
  expect(all.length).toBeGreaterThan(60);
  expect(all.filter((command) => command.description() === "").map(fullName)).toEqual([]);
});

test.each(["remotegpu estimate", "remotegpu env create", "remotegpu job create"])(
  "%s names its default memory as 1G",
  (name) => {
    const command = all.find((candidate) => fullName(candidate) === name);

    expect(command?.helpInformation()).toMatch(/--memory <size> +memory.*\(default: 1G\)/);
  },
);

test.each(examples(TREE))("$line is a command with arguments that it takes", ({ words }) => {
  const program = remotegpu();
  for (const one of withBelow(program))
    one.configureOutput({ writeErr: () => undefined }).action(() => undefined);

  expect(() => program.parse(words, { from: "user" })).not.toThrow();
});

function withBelow(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withBelow)];
}

function examples(group: Group): { line: string; words: string[] }[] {
  return group.members.flatMap((member) =>
    isGroup(member) ? examples(member) : member.examples.map((line) => ({ line, words: wordsOf(line) })),
  );
}

/** Up to where a shell would do something else with it. */
function wordsOf(line: string): string[] {
  const [own = ""] = line.split(/ +[<|]/);
  return (own.match(/'[^']*'|\S+/g) ?? []).map((word) => word.replaceAll("'", ""));
}

describe("what completes a line", () => {
  const offered = {
    environments: [
      { id: "env-1", name: "mine" },
      { id: "env-2", name: "with space" },
      { id: "env-3", name: "$(touch${IFS}made)" },
      { id: "env-4", name: "-rf" },
    ],
  };
  const context = {
    where: {},
    output: { format: "table" as const, width: null, nowMs: 0, write: () => undefined },
    get api(): ApiClient {
      return commandApi({
        list: () => Promise.resolve(offered.environments),
      });
    },
  };

  test.each([
    { typed: ["e"], is: ["env", "estimate"] },
    { typed: ["env", "sta"], is: ["start"] },
    { typed: ["env", "show", ""], is: ["mine"] },
    { typed: ["env", "exec", "-i", ""], is: ["mine"] },
    { typed: ["env", "logs", "mine", "--t"], is: ["--tail"] },
    { typed: ["job", "get", ""], is: ["mine"] },
    { typed: ["job", "create", "train", "--ma"], is: ["--max-hourly", "--max-minutes"] },
    { typed: ["job", "create", "train", "--dataset", "m"], is: ["mine"] },
    { typed: ["env", "logs", "--tail", "5", "m"], is: ["mine"] },
    { typed: ["env", "show", "mine", ""], is: [] },
    { typed: ["statistics", "--by", ""], is: ["day", "month"] },
    { typed: ["nothing", "at", ""], is: [] },
    { typed: ["completion", ""], is: ["bash", "zsh", "fish"] },
    { typed: ["env", "list", "--w"], is: ["--workspace", "--watch"] },
    { typed: ["env", "show", "--js"], is: ["--json"] },
    { typed: ["env", "show", "-o", "t"], is: ["table"] },
    { typed: ["--format", "j"], is: ["json"] },
    { typed: ["--json", "--profile", "env", "env", "sta"], is: ["start"] },
    { typed: ["env", "show", "--server", "http://there", "m"], is: ["mine"] },
    { typed: ["help", "env", "sta"], is: ["start"] },
    { typed: ["help", "env", "start", ""], is: [] },
    { typed: ["hel"], is: ["help"] },
    { typed: ["ssh", "m"], is: ["mine"] },
    { typed: ["ssh", "mine", "--", "-"], is: [] },
    { typed: ["compl"], is: ["completion"] },
  ])("$typed", async ({ typed, is }) => {
    expect(await candidates(context, TREE, typed)).toEqual(is);
  });
});

test("what completes a line in bash is taken as it is, whatever somebody called a thing", () => {
  const folder = mkdtempSync(join(tmpdir(), "rg-completion-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const script = `cd ${folder}
    remotegpu() { printf '%s\\n' 'mine' '$(touch made)' '\`touch made\`'; }
    complete() { :; }
    ${SCRIPTS.bash}
    COMP_WORDS=(remotegpu env show "") COMP_CWORD=3
    _remotegpu
    printf '%s\\n' "\${COMPREPLY[@]}"`;

  const replies = execFileSync("bash", ["-c", script], { encoding: "utf8" });

  expect(replies).toBe("mine\n$(touch made)\n`touch made`\n");
  expect(readdirSync(folder)).toEqual([]);
});
