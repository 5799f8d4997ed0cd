/** What the fleet's owner looks at: totals, alarms, what was refused, who did what, and the settings of the whole. */
import { given } from "../../client/api-request.ts";
import {
  changeSetting,
  changeStoragePool,
  clearAlarm,
  getFleet,
  getStoragePool,
  listAlarms,
  listAuditLog,
  listQuarantine,
  listSettings,
  listStoragePools,
} from "../../client/generated/api.ts";
import type { ListAuditLogOutcome, ListAuditLogTargetKind } from "../../client/generated/api.schemas.ts";
import { apiWord, bytesOrDefault, words } from "../framework/arguments.ts";
import { argument, command, flag, option, type Command, type Group } from "../framework/command.ts";
import { limit, listCommand, showCommand } from "../framework/list-command.ts";
import { printDone, sizeText } from "../framework/output.ts";
import { UPGRADE } from "./upgrade-commands.ts";

type Key = Parameters<typeof changeSetting>[0];

/** `environment/env-…`, or a kind alone. */
function auditTarget() {
  return words().transform((text) => {
    const [kind = "", ...id] = text.split("/");
    return {
      target_kind: apiWord<ListAuditLogTargetKind>().parse(kind),
      ...(id.length > 0 && { target_id: id.join("/") }),
    };
  });
}

const SETTING: Group = {
  name: "setting",
  aliases: ["settings"],
  summary: "settings of the whole fleet",
  members: [
    listCommand({
      summary: "every setting, its value and what it takes",
      request: () => listSettings(),
      columns: ["key", "value", "default", { wide: "values" }, "description"],
    }),
    command({
      name: "set",
      summary: "change one; it holds from the next order on",
      takes: { key: argument("key", apiWord<Key>(), { of: "setting" }), value: argument("value", words()) },
      run: async ({ api, output }, { key, value }) => {
        const row = await api.send(changeSetting(key, { value }));
        printDone(output, `${key} is ${row.value}.`, row);
      },
    }),
  ],
};

const STORAGE_POOL: Group = {
  name: "storage-pool",
  aliases: ["storage-pools"],
  summary: "storage pools, and how large their disks are",
  members: [
    listCommand({
      summary: "every storage pool, its hosts, its disk and what of its last sample is charged or set aside",
      takes: limit(50),
      request: () => listStoragePools(),
      columns: [
        "name",
        "hosts",
        ["disk", ({ disk_bytes: disk }) => (disk === null ? "not said" : sizeText(disk))],
        "sampled_hour",
        ["charged", ({ charged_bytes: charged }) => sizeText(charged)],
        ["set aside", ({ excess_bytes: excess }) => sizeText(excess)],
        ["sealed", ({ sealed_bytes: sealed }) => sizeText(sealed)],
      ],
      limit: 50,
    }),
    showCommand({
      summary: "one storage pool",
      takes: { pool: argument("pool", words()) },
      request: ({ pool }) => getStoragePool(pool),
    }),
    command({
      name: "disk",
      summary: "set how large its disk is: its hosts may claim no more; default unsets it",
      takes: { pool: argument("pool", words()), size: argument("size", bytesOrDefault()) },
      examples: ["storage-pool disk pool-a 20T"],
      run: async ({ api, output }, { pool, size }) => {
        const row = await api.send(changeStoragePool(pool, { disk_bytes: size.bytes }));
        const bound = sizeText(row.bound_bytes);
        printDone(output, `At most ${bound} are believed to lie in storage pool ${pool}.`, row);
      },
    }),
  ],
};

const ALARM: Group = {
  name: "alarm",
  aliases: ["alarms"],
  summary: "what needs an operator",
  standard: "list",
  members: [
    listCommand({
      summary: "alarms, newest first; one without cleared_at is open",
      takes: {
        open: flag("--open", "only those that nobody has cleared"),
        kind: option("--kind <kind>", "only of this kind, such as gpu-vanished", words()),
        subject: option("--subject <part>", "only those whose subject has this part", words()),
        ...limit(50),
      },
      request: ({ open, kind, subject }) =>
        listAlarms(given({ open: open ? "true" : undefined, kind, subject })),
      columns: ["id", "raised_at", "kind", "subject", "detail", "cleared_at"],
      limit: 50,
    }),
    command({
      name: "clear",
      summary: "acknowledge it; a condition that persists or returns raises a new one",
      takes: { alarm: argument("alarm", words()) },
      run: async ({ api, output }, { alarm }) => {
        const row = await api.send(clearAlarm(alarm));
        printDone(output, `Alarm ${alarm} (${row.kind}) is cleared.`, row);
      },
    }),
  ],
};

export const FLEET: readonly (Command | Group)[] = [
  {
    name: "fleet",
    summary: "the fleet in numbers, and upgrades of its agents",
    standard: "show",
    members: [
      showCommand({ summary: "totals, free, queued and pending usage", request: () => getFleet() }),
      UPGRADE,
    ],
  },
  ALARM,
  listCommand({
    name: "audit-log",
    summary: "who requested which change, with its outcome, newest first (-o json has before and after)",
    takes: {
      actor: option("--actor <customer>", "of this customer or administrator", words(), { of: "customer" }),
      target: option(
        "--target <kind[/id]>",
        "done to this: environment/env-…, customer/12, or to any host",
        auditTarget(),
      ),
      action: option("--action <action>", "such as environment.stop, api-key.create, money.top-up", words()),
      outcome: option(
        "--outcome <outcome>",
        "done, repeated, refused or failed",
        apiWord<ListAuditLogOutcome>(),
      ),
      since: option("--since <time>", "from this moment on, RFC 3339", words()),
      until: option("--until <time>", "before this moment", words()),
      ...limit(50),
    },
    request: ({ actor, target, action, outcome, since, until }) => {
      const query = {
        actor_customer_id: actor,
        ...target,
        action,
        outcome,
        since,
        until,
      };
      return listAuditLog(given(query));
    },
    columns: [
      "at",
      "actor_customer_id",
      "action",
      "target_kind",
      "target_id",
      "outcome",
      "problem",
      { wide: "attempts" },
    ],
    limit: 50,
    examples: [
      "audit-log --actor ada --outcome refused",
      "audit-log --target environment --since 2026-11-01T00:00:00Z",
    ],
  }),
  listCommand({
    name: "quarantine",
    summary: "usage that a host claimed and that was refused, newest first; it is not billed",
    takes: limit(50),
    request: () => listQuarantine(),
    columns: ["id", "at", "host_id", "run_id", "reason", "excess_ms"],
    limit: 50,
  }),
  STORAGE_POOL,
  SETTING,
];
