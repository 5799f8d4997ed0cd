/** Links by which an editor opens a folder over SSH, as its vendor's pages name them. Pure. */

/** VS Code and what is made of it know one form; each has a scheme of its own. */
export const EDITORS = {
  vscode: { called: "VS Code", scheme: "vscode" },
  "vscode-insiders": { called: "VS Code Insiders", scheme: "vscode-insiders" },
  cursor: { called: "Cursor", scheme: "cursor" },
} as const;
export type Editor = keyof typeof EDITORS;

/**
 * @param host as ~/.ssh/config has it
 * @param path absolute, of a folder inside
 */
export function editorLink(editor: Editor, host: string, path: string): string {
  const folder = path.split("/").map(encodeURIComponent).join("/");
  return `${EDITORS[editor].scheme}://vscode-remote/ssh-remote+${host}${folder}`;
}
