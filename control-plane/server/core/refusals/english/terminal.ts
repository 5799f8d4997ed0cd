import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { TERMINAL_CODES } from "../codes/terminal.ts";

export const TERMINAL_ENGLISH = messagesFor<typeof TERMINAL_CODES>()({
  "terminal-connection-closed": "The environment closed the connection.",
  "terminal-connection-lost": "The connection to the environment was lost.",
  "terminal-unanswered": "The environment does not answer.",
  "terminal-not-admitted": "The environment does not let the terminal in yet.",
  "terminal-host-key-other": "Another server than the environment's answers there, by its host key.",
  "terminal-not-started": "The environment starts no terminal.",
  "terminal-not-startable":
    "The terminal could not be started: its container has no tmux for it, or is full.",
  "terminal-open-elsewhere": "This terminal is open in another window.",
  "terminal-shell-ended": "The shell has ended.",
  "terminal-page-read-only": "This page is only read.",
  "terminal-page-not-built": "The page of the terminal could not be built here.",
  "terminal-path-unknown": "There is nothing here.",
});
