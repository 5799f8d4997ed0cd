/**
 * What the gateway runs in a container for a terminal: tmux of the toolbox with a server of its own and settings of its
 * own, so that people's tmux is another one and keys all go to the shell. Each command is one word for the toolbox's
 * shell in single quotes, which every shell of an image takes alike.
 */
import { isTabName } from "./terminal-protocol.ts";

/** tmux ended, and the terminal goes on: somebody else has it. */
export const STILL_THERE = 75;
const SHELL = "/.remotegpu/bin/sh";
const TMUX = "/.remotegpu/libexec/tmux -u -T RGB,clipboard -S /run/remotegpu-terminal -f /dev/null";
/** The person's tmux in it is not told of ours, or it would refuse to begin. */
const SHELL_OF_IMAGE = `exec /.remotegpu/busybox env -u TMUX -u TMUX_PANE \\"\\$SHELL\\"`;
const HISTORY_LINES = 5_000;

const SETTINGS = [
  "set -g status off",
  "set -g prefix None",
  "set -g prefix2 None",
  "set -g mouse off",
  `set -g history-limit ${HISTORY_LINES}`,
  "set -s escape-time 0",
  "set -s set-clipboard on",
  "set -g default-terminal tmux-256color",
  `set -g default-command "${SHELL_OF_IMAGE}"`,
  "set -g set-titles on",
  'set -g set-titles-string "#T"',
  "set -g allow-passthrough off",
  // Lines that scroll out stay in the page, where a wheel and a finger find them.
  'set -s terminal-overrides "xterm*:smcup@:rmcup@"',
];

/**
 * The terminal of that name, new where there is none; whoever else had it open has it no more. tmux draws its screen
 * alone, so what had scrolled out of it is written before.
 * @param rows of the page
 */
export function openCommand(tab: string, rows: number): string {
  // It stands in a command.
  if (!isTabName(tab)) throw new Error("that is no name of a terminal");
  const words = ["start-server", ...SETTINGS, `new-session -A -D -s ${tab}`].join(" \\; ");
  return inShell(
    `${historyOf(tab, rows)}; ${TMUX} ${words}; ended=$?; ${TMUX} has-session -t "=${tab}" 2>/dev/null && exit ${STILL_THERE}; exit $ended`,
  );
}

/** So many empty lines let all of it scroll out of the page, wherever it ends, and nothing else. */
function historyOf(tab: string, rows: number): string {
  const pane = `-t "=${tab}:"`;
  const written = `${TMUX} if-shell -F ${pane} "#{history_size}" "capture-pane -p -e -J -S - -E -1 -t =${tab}:"`;
  return `${written} 2>/dev/null; printf "${"\\n".repeat(rows - 1)}"`;
}

/** Those that nobody has open, one a line. */
export const LIST_COMMAND = inShell(
  `${TMUX} list-sessions -f "#{==:#{session_attached},0}" -F "#{session_name}" 2>/dev/null`,
);

/** The first that is a name of ours, and that no other tab is just taking. */
export function unattended(listed: string, taken: ReadonlySet<string>): string | null {
  return listed.split("\n").find((name) => isTabName(name) && !taken.has(name)) ?? null;
}

function inShell(script: string): string {
  return `exec ${SHELL} -c '${script}'`;
}
