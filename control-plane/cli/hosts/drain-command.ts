/** `remotegpu host drain`: a host is emptied, at once or at a deadline until which its people know. */
import { given } from "../../client/api-request.ts";
import { drainHost, getHost } from "../../client/generated/api.ts";
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { deadline, wholeNumber, words } from "../framework/arguments.ts";
import { command, flag, option, resourceField } from "../framework/command.ts";
import { printDone } from "../framework/output.ts";
import { waitUntil } from "../work/wait.ts";
import { writeMessage } from "../terminal/outputs.ts";

/** For hosts that stop their containers, beyond the deadline. */
const STOPPING_SECONDS = 1_800;

export const DRAIN = command({
  name: "drain",
  summary: "cordon it and stop what runs there; users are notified",
  takes: {
    host: resourceField("host", "host"),
    reason: option("--reason <text>", "told to whom it concerns", words()),
    deadline: option("--deadline <when>", "stop it only then: 2h, 30m, or a time", deadline()),
    wait: flag("--wait", "return when nothing runs there"),
    timeout: option(
      "--timeout <seconds>",
      "with --wait: give up after so long; half an hour beyond the deadline by default",
      wholeNumber(),
    ),
  },
  examples: ["host drain gpu-07 --reason 'new power supply' --deadline 2h --wait"],
  more: "remotegpu host uncordon HOST takes it back while the deadline lies ahead; cordon, too, and places nothing new.",
  run: async ({ api, output }, { host, reason, deadline: until, wait, timeout }) => {
    const ordered = await api.send(drainHost(host, { ...given({ reason }), ...until }));
    const at = ordered.drain_deadline_at ?? null;
    const sentence =
      at === null
        ? `Host ${host} is drained: what runs there is being stopped.`
        : `Host ${host} is drained: what runs there is stopped at ${at}.`;
    if (!wait) return printDone(output, sentence, ordered);
    writeMessage(`${sentence}\n`);
    const aheadMs = at === null ? 0 : Math.max(0, Date.parse(at) - Date.now());
    const seconds = timeout ?? Math.ceil(aheadMs / MS_PER_SECOND) + STOPPING_SECONDS;
    const check = async () => {
      const row = await api.send(getHost(host));
      const count = row.instance_count;
      const left = `${count} ${count === 1 ? "instance is" : "instances are"} left on host ${host}.`;
      return count === 0 ? { done: row } : { waitsFor: left, stands: left };
    };
    const empty = await waitUntil(check, { seconds, goesOn: `remotegpu host show ${host} --watch` });
    printDone(output, `Nothing runs on host ${host} any more.`, empty);
  },
});
