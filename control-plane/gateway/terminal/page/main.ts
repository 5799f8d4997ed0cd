/**
 * The page of the terminal, in a browser: xterm.js on one side, the gateway's WebSocket on the other, and a line that says
 * how it stands between them. Which terminal it is stands in the address, behind the #, so that a reload comes back to it.
 */
import { ClipboardAddon } from "@xterm/addon-clipboard";
import { FitAddon } from "@xterm/addon-fit";
import { Unicode11Addon } from "@xterm/addon-unicode11";
import { WebLinksAddon } from "@xterm/addon-web-links";
import { Terminal } from "@xterm/xterm";
import { Connection, type ConnectionState } from "./connection.ts";
import { offerKeys } from "./keys.ts";
import { allowStyles, element, followColours } from "./appearance.ts";

allowStyles();
const terminal = new Terminal({
  allowProposedApi: true,
  cursorBlink: true,
  fontFamily: "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace",
  fontSize: 14,
  scrollback: 5_000,
  // Copies with the mouse also where a program takes it.
  macOptionClickForcesSelection: true,
});
const fit = new FitAddon();
terminal.loadAddon(fit);
terminal.loadAddon(new WebLinksAddon());
terminal.loadAddon(new Unicode11Addon());
terminal.unicode.activeVersion = "11";
// What is copied inside reaches the clipboard; what is in it is not told to programs.
terminal.loadAddon(
  new ClipboardAddon(undefined, {
    readText: () => "",
    writeText: (_selection, text) => navigator.clipboard.writeText(text).catch(() => undefined),
  }),
);
followColours(terminal);
terminal.open(element("terminal"));
fit.fit();

const reported = element("told");
const show = (state: ConnectionState) => {
  reported.hidden = state.sentence === null;
  reported.textContent = state.sentence;
  document.body.dataset["standing"] = state.kind;
};

const connection = new Connection({
  url: `${location.origin.replace(/^http/, "ws")}/socket`,
  tab: tabOfAddress(),
  size: () => ({ columns: terminal.cols, rows: terminal.rows }),
  write: (bytes, seen) => terminal.write(bytes, seen),
  renewed: () => terminal.reset(),
  named: (tab) => history.replaceState(null, "", `#${tab}`),
  show,
});
const keys = offerKeys(element("keys"), (text) => terminal.input(text));

terminal.onData((text) => connection.type(keys.changed(text)));
terminal.onBinary((text) => connection.typeBytes(Uint8Array.from(text, (one) => one.charCodeAt(0))));
terminal.onResize(({ cols: columns, rows }) => connection.resize({ columns, rows }));
terminal.onTitleChange((title) => (document.title = title || document.title));
terminal.attachCustomKeyEventHandler((event) => {
  // Ctrl-C is the shell's; with the shift key it copies, as in other terminals.
  const isCopy = event.ctrlKey && event.shiftKey && event.code === "KeyC" && terminal.hasSelection();
  if (!isCopy) return true;
  event.preventDefault();
  if (event.type === "keydown") void navigator.clipboard.writeText(terminal.getSelection());
  return false;
});
new ResizeObserver(() => fit.fit()).observe(element("terminal"));
addEventListener("online", () => connection.retry());
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") connection.retry();
});
addEventListener("hashchange", () => location.reload());
connection.start();
terminal.focus();

/** "new" asks for one that nobody had before. */
function tabOfAddress(): string | null {
  const name = location.hash.slice(1);
  if (name === "new") return crypto.randomUUID().replaceAll("-", "").slice(0, 16);
  return /^[a-z0-9]{6,24}$/.test(name) ? name : null;
}
