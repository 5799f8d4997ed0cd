/** `remotegpu fleet upgrade`: the agents of the fleet are upgraded in waves. */
import { given } from "../../client/api-request.ts";
import {
  abortFleetUpgrade,
  beginFleetUpgrade,
  getFleetUpgrade,
  listFleetUpgradeHosts,
  pauseFleetUpgrade,
  resumeFleetUpgrade,
} from "../../client/generated/api.ts";
import type {
  ListFleetUpgradeHostsState,
  UpgradeStatus,
  UpgradeWave,
} from "../../client/generated/api.schemas.ts";
import { apiWord, words } from "../framework/arguments.ts";
import { command, needed, option, type Command, type Group } from "../framework/command.ts";
import { limit, listCommand } from "../framework/list-command.ts";
import { printDone, printList, type Column } from "../framework/output.ts";

const WAVE_COLUMNS: Column<UpgradeWave>[] = [
  "wave",
  "hosts",
  "waiting",
  "ordered",
  "upgraded",
  "reverted",
  "refused",
  { ifRoom: "overdue" },
  "skipped",
];

/** `Upgrade to 0.2.0-1a2b3c4d5e6f: running, wave 2 of 4. …` */
function statusText({ upgrade, served_release: served }: UpgradeStatus): string {
  if (upgrade === null)
    return served === null
      ? "No upgrade has been started, and this server hands out no release."
      : `No upgrade has been started. This server hands out ${served.version}.`;
  const { version, state, wave, waves, reason } = upgrade;
  const next = upgrade.next_wave_at === null ? "" : ` It goes on at ${upgrade.next_wave_at}.`;
  return `Upgrade to ${version}: ${state}, wave ${wave} of ${waves.length}.${reason === null ? "" : ` ${reason}`}${next}`;
}

const START = command({
  name: "start",
  summary: "upgrade the fleet's agents in waves: one host, 5 %, 25 %, all",
  takes: {
    version: needed("--to <version>", "the release that this server hands out, such as 0.2.0", words()),
    hosts: option("--hosts <list>", "only these, by their ids with commas between", words()),
  },
  examples: ["fleet upgrade --to 0.2.0", "fleet upgrade --to 0.2.0 --hosts host-91d3e7b4,host-5c0e77aa"],
  more: "A host that does not prove the release goes back by itself, and the upgrade halts: remotegpu fleet upgrade status.",
  run: async ({ api, output }, { version, hosts }) => {
    const named = hosts?.split(",").map((id) => id.trim());
    const row = await api.send(beginFleetUpgrade({ version, ...given({ hosts: named }) }));
    printDone(output, statusText(row), row);
  },
});

const STATUS = command({
  name: "status",
  summary: "how far it is, wave by wave, and why it does not go on",
  isWatchable: true,
  run: async ({ api, output }) => {
    const row = await api.send(getFleetUpgrade());
    if (output.format === "json") return printDone(output, "", row);
    if (output.format !== "name") output.write(`${statusText(row)}\n\n`);
    printList(output, row.upgrade?.waves ?? [], WAVE_COLUMNS, "There are no waves.");
  },
});

const HOSTS = listCommand({
  name: "hosts",
  summary: "its hosts, and why one went back, refused or was skipped",
  takes: {
    state: option(
      "--state <state>",
      "only those that are so: skipped, reverted, refused, …",
      apiWord<ListFleetUpgradeHostsState>(),
    ),
    ...limit(200, "at most so many"),
  },
  request: ({ state }) => listFleetUpgradeHosts(given({ state })),
  columns: ["host_id", "name", "wave", "state", { ifRoom: "from_version" }, "ended_at", "reason"],
  limit: 200,
  empty: "There is none.",
});

const VERBS: Command[] = [
  { verb: "pause", request: pauseFleetUpgrade, summary: "begin no further host; those under way finish" },
  { verb: "resume", request: resumeFleetUpgrade, summary: "go on, in spite of what halted it" },
  { verb: "abort", request: abortFleetUpgrade, summary: "end it; hosts keep the release that they run" },
].map(({ verb, request, summary }) =>
  command({
    name: verb,
    summary,
    run: async ({ api, output }) => {
      const row = await api.send(request());
      printDone(output, statusText(row), row);
    },
  }),
);

export const UPGRADE: Group = {
  name: "upgrade",
  summary: "upgrades of the fleet's agents",
  standard: "start",
  members: [START, STATUS, HOSTS, ...VERBS],
};
