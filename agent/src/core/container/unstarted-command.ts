/**
 * What the runtime says of a command that never began, told as a shell tells it: 127 where there is no such program, 126
 * where there is one that cannot be run, and the runtime's sentence without what surrounds it. Who calls has made sure
 * that no process began: a program may print these very words.
 */

export interface UnstartedCommand {
  exitCode: 126 | 127;
  /** In the runtime's words. */
  sentence: string;
}

/** What every such text begins with; the second part is missing where the runtime got less far. */
const BEGINNING = /^OCI runtime exec failed: (?:exec failed: )?(?:unable to start container process: )?/;
/** The kind of error that the daemon could make of it, and its advice about mounts, which a command has none of. */
const ENDING = /: unknown(?:: permission denied|: Are you trying to mount a directory onto a file .*)?\s*$/s;
const NO_SUCH_PROGRAM = /^exec: .*: (?:executable file not found in \$PATH|no such file or directory)$/s;

/** Null for any other text. */
export function unstartedCommand(text: string): UnstartedCommand | null {
  if (!BEGINNING.test(text)) return null;
  const sentence = text.replace(BEGINNING, "").replace(ENDING, "").trim();
  return { exitCode: NO_SUCH_PROGRAM.test(sentence) ? 127 : 126, sentence };
}
