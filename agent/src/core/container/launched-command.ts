/** What runs in a rank of a job of which one starts processes on all: that one's command, and in the others its way in. */
import { RANK_SSH_FOLDER, type RankLaunch } from "@remotegpu/shared/instance/rank-launch";

const SERVER = "/.remotegpu/libexec/rank-sshd";
/** As a shell has it where nobody says. */
const STANDARD_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** On one line with the command, so that what a shell says of its lines holds. There `ssh` is the client that knows the ranks. */
export function launchedCommand({ role }: RankLaunch, command: string): string {
  switch (role) {
    case "leads":
      return `export PATH="${RANK_SSH_FOLDER}:\${PATH:-${STANDARD_PATH}}"; ${command}`;
    case "follows":
      return `exec ${SERVER}`;
  }
}
