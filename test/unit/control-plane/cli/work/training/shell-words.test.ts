/** Words as a text for a shell: read by a real one, they are the same words again. */
import { execFileSync } from "node:child_process";
import { shellText } from "@remotegpu/control-plane/cli/work/training/shell-words";
import { array, assert, constantFrom, oneof, property, string } from "fast-check";
import { expect, test } from "vitest";

test.each([
  [["python", "train.py", "--lr=0.1"], "python train.py --lr=0.1"],
  [["echo", "two words"], "echo 'two words'"],
  [["echo", ""], "echo ''"],
  [["echo", "it's"], String.raw`echo 'it'\''s'`],
  [["echo", "$HOME", "*", "~"], "echo '$HOME' '*' '~'"],
  [["A=b", "A=b"], "'A=b' A=b"],
  [["if", "if"], "'if' if"],
  [["echo hi; ls"], "'echo hi; ls'"],
])("%j is %s", (words, text) => {
  expect(shellText(words)).toBe(text);
});

test("a shell makes the same words of it, whatever they are", () => {
  const odd = constantFrom(
    "'",
    '"',
    "\\",
    "\n",
    "$(id)",
    "`id`",
    "!",
    "#",
    "-n",
    "--",
    "a b",
    "=",
    "{a,b}",
    "ü",
  );
  const word = oneof(odd, string()).map((text) => text.replaceAll("\0", ""));
  assert(
    property(array(word, { maxLength: 8 }), (words) => {
      const text = shellText(["printf", "%s\\0", ...words]);

      const printed = execFileSync("sh", ["-c", text], { encoding: "utf8" });

      // Without any, printf writes its format once.
      expect(printed.split("\0").slice(0, -1)).toEqual(words.length === 0 ? [""] : words);
    }),
    { numRuns: 50, seed: 7 },
  );
});

test.each(["A=b", "if", "until", "{", "!", "[["])(
  "a shell takes %s for a program, and for nothing else",
  (word) => {
    const script = `${shellText([word])} 2>/dev/null; echo $?`;

    expect(execFileSync("sh", ["-c", script], { encoding: "utf8" })).toBe("127\n");
  },
);
