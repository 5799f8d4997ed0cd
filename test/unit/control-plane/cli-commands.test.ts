/** What `--help` tells a person: something about every command, and sizes as a person writes them. */
import { expect, test } from "vitest";
import { remotegpu } from "@remotegpu/control-plane/cli/program";

type Command = ReturnType<typeof remotegpu>;

const all = below(remotegpu());

function below(command: Command): Command[] {
  return command.commands.flatMap((child) => [child, ...below(child)]);
}

function fullName(command: Command): string {
  return command.parent === null ? command.name() : `${fullName(command.parent)} ${command.name()}`;
}

test("every command says what it does", () => {
  expect(all.length).toBeGreaterThan(60);
  expect(all.filter((command) => command.description() === "").map(fullName)).toEqual([]);
});

test.each(["remotegpu estimate", "remotegpu env create"])("%s tells its default memory as 1G", (name) => {
  const command = all.find((candidate) => fullName(candidate) === name);

  expect(command?.helpInformation()).toMatch(/--memory <size> +memory.*\(default: 1G\)/);
  expect(command?.getOptionValue("memory")).toBe(2 ** 30);
});
