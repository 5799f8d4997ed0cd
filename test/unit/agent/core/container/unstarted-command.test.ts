/** Commands that never began, by what Docker 26 says of them. */
import { expect, test } from "vitest";
import { unstartedCommand } from "@remotegpu/agent/core/container/unstarted-command";

const FRAME = "OCI runtime exec failed: exec failed: unable to start container process: ";
const MOUNT_ADVICE =
  "Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type";

test.each([
  [127, 'exec: "nosuch": executable file not found in $PATH', ": unknown\r\n"],
  [127, 'exec: "/no/such": stat /no/such: no such file or directory', ": unknown\r\n"],
  [127, 'exec: "": executable file not found in $PATH', ": unknown\r\n"],
  [127, 'exec: "two\\nlines": executable file not found in $PATH', ": unknown\r\n"],
  [126, 'exec: "/etc/hostname": permission denied', ": unknown\r\n"],
  [126, 'exec: "/bin": is a directory', ": unknown: permission denied\r\n"],
  [126, 'exec: "/etc/hostname/x": stat /etc/hostname/x: not a directory', `: unknown: ${MOUNT_ADVICE}\r\n`],
  [126, 'chdir to cwd ("/nope") set in config.json failed: no such file or directory', ": unknown\r\n"],
] as const)("ends with %i and the sentence %s", (exitCode, sentence, ending) => {
  expect(unstartedCommand(FRAME + sentence + ending)).toEqual({ exitCode, sentence });
});

test("a name that resembles the runtime's words stays whole", () => {
  const sentence = 'exec: "/x: no such file or directory: unknown": permission denied';

  expect(unstartedCommand(`${FRAME}${sentence}: unknown\r\n`)).toEqual({ exitCode: 126, sentence });
});

test.each(["", "hello", "exec: no such file or directory"])("%j is no word of the runtime's", (text) => {
  expect(unstartedCommand(text)).toBeNull();
});
