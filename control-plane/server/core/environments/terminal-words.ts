/**
 * A line for everybody who is at a terminal of a container, as a command that runs in it: by the toolbox's shell, so that
 * it works in any image, and bounded, since a terminal that its user has halted takes nothing.
 */
const SHELL = "/.remotegpu/busybox";
const MOST_TERMINALS = 64;
const SECONDS = 2;

/** The time of the whole command. */
export const TERMINAL_WORDS_SECONDS = 5;

const SCRIPT = `told=0
for terminal in /dev/pts/[0-9]*; do
  [ -c "$terminal" ] || continue
  told=$((told + 1))
  [ "$told" -gt ${MOST_TERMINALS} ] && break
  "$0" timeout ${SECONDS} "$0" sh -c 'printf "\\r\\n%s\\r\\n" "$1" > "$0"' "$terminal" "$1" &
done
wait`;

/** @param line for people, with nothing in it that a terminal would follow */
export function terminalWords(line: string): [string, ...string[]] {
  return [SHELL, "sh", "-c", SCRIPT, SHELL, line];
}
