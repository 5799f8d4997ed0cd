/** `remotegpu env open`: an editor of this machine opens a folder inside, over SSH, by a link to it. */
import { z } from "zod";
import { CliError } from "../framework/cli-error.ts";
import { openedHere } from "../programs/browser.ts";
import { command, flag, optionOr, resourceField } from "../framework/command.ts";
import { printDone } from "../framework/output.ts";
import { nameOfEntry } from "./client-options.ts";
import { keepHostKeys } from "./client-files.ts";
import { writeEntries } from "./config-command.ts";
import { EDITORS, type Editor, editorLink } from "./editor-link.ts";
import { sshTarget, waits } from "./ssh-target.ts";

/** What outlives a stop. */
const CODE_FOLDER = "/gemini/code";

export const OPEN = command({
  name: "open",
  summary: "open a folder inside in VS Code or Cursor, over SSH",
  takes: {
    environment: resourceField("environment", "environment"),
    vscode: flag("--vscode", "in VS Code, with its extension Remote - SSH; so, too, where none is named"),
    "vscode-insiders": flag("--vscode-insiders", "in VS Code Insiders"),
    cursor: flag("--cursor", "in Cursor"),
    path: optionOr(
      "--path <folder>",
      "which folder",
      z.string().regex(/^\/[^\0]*$/, "Give an absolute path."),
      CODE_FOLDER,
    ),
    print: flag("--print", "print the link and open nothing"),
    ...waits(),
  },
  examples: ["env open lab --vscode", "env open lab --cursor --path /root"],
  more: "It waits while the environment starts, writes what ssh-config --write does, prints the link, and opens it where there is a screen.",
  run: async (context, { environment, path, print, timeout, ...named }) => {
    const editor = editorOf(named);
    const target = await sshTarget(context, environment, timeout);
    keepHostKeys([target]);
    const { targets } = await writeEntries(context);
    const link = editorLink(editor, nameOfEntry(target, targets), path);
    const isOpened = !print && (await openedHere(link));
    const { called } = EDITORS[editor];
    const sentence =
      isOpened || print ? link : `${link}\nOpen it where ${called} is; there is no screen here.`;
    printDone(context.output, sentence, { id: target.id, link, opened: isOpened });
  },
});

function editorOf(named: Record<Editor, boolean>): Editor {
  const all: readonly Editor[] = ["vscode", "vscode-insiders", "cursor"];
  const [editor = "vscode", ...others] = all.filter((one) => named[one]);
  if (others.length > 0) throw new CliError("usage", "Name one editor.");
  return editor;
}
