/**
 * What people change of an environment that is there: its names, its switches, and after how long its ports go, or all of it. Ports
 * follow at once; what its container was made with follows with its next start (core/environments/environment-change.ts). Each change
 * is an event. One step of a transaction that holds the environment.
 */
import type { Reason } from "../../core/reasons/reason.ts";
import {
  changesPorts,
  servicesWithPort,
  waitingForRestart,
} from "../../core/environments/environment-change.ts";
import { sshDoor } from "../../core/leases/ssh-server.ts";
import type { Transaction } from "../database/database.ts";
import { appendEvents } from "../events/events.ts";
import { raiseGenerations } from "../hosts/hosts.ts";
import { switchesOf } from "../leases/environment-leases.ts";
import { orderRelease, setAutoRelease, wantedLeases } from "../leases/lease-orders.ts";
import { leaseForStart } from "../leases/start-leases.ts";
import type { NewId } from "../../core/workloads/new-id.ts";
import {
  heldPlacement,
  type PlacementRow,
  switchesInside,
} from "../workloads/instances/workload-placements.ts";
import {
  type EnvironmentRow,
  type EnvironmentChange,
  updateEnvironment,
} from "../environments/environments.ts";

interface Changing {
  actor: string;
  now: Date;
  newId: NewId;
}

/** Answers the hosts to tell. */
export async function changeEnvironment(
  sql: Transaction,
  environment: EnvironmentRow,
  { change, ...changing }: Changing & { change: EnvironmentChange },
): Promise<string[]> {
  const changed: EnvironmentRow = {
    ...environment,
    ...given(change),
    config: configAfter(environment, change),
  };
  const [was, is] = [valuesOf(environment), valuesOf(changed)];
  const fields = FIELDS.filter((field) => is[field] !== was[field]);
  if (fields.length === 0) return [];
  await updateEnvironment(sql, environment.id, change);
  const held = await heldPlacement(sql, { kind: "environment", id: environment.id });
  const running = held?.want === "running" ? held : null;
  const waiting = waitingForRestart(changed, running && (await switchesInside(sql, running)));
  await appendEvents(
    sql,
    fields.map((field) => ({
      at: changing.now,
      kind: "changed",
      workloadKind: "environment",
      workloadId: environment.id,
      customerId: environment.customer_id,
      actor: changing.actor,
      old: wordOf(was[field]),
      new: wordOf(is[field]),
      reason: {
        code: waiting.includes(field)
          ? ("field-changed-for-next-start" as const)
          : ("field-changed" as const),
        params: { field },
      },
    })),
  );
  const hostIds = [
    ...(await portsFollow(sql, { before: environment, after: changed, running }, changing)),
    ...(await hoursFollow(sql, { before: environment, after: changed })),
    ...(await doorFollows(sql, { before: environment, after: changed, running })),
  ];
  return [...new Set(hostIds)];
}

const FIELDS = [
  "name",
  "description",
  "ssh_enabled",
  "jupyter_enabled",
  "tensorboard_enabled",
  "rdp_enabled",
  "web_terminal_enabled",
  "auto_release_hours",
  "idle_stop_minutes",
  "wake",
] as const;

type Values = Record<(typeof FIELDS)[number], string | number | boolean | null>;

function valuesOf(environment: EnvironmentRow): Values {
  const { idle_stop_minutes = null, wake = null } = environment.config ?? {};
  return { ...environment, idle_stop_minutes, wake };
}

/** What is taken away is null there, as it is in what is left out. */
function configAfter({ config }: EnvironmentRow, change: EnvironmentChange): EnvironmentRow["config"] {
  const given = Object.entries(change.config ?? {}).filter(([, value]) => value !== undefined);
  return given.length === 0
    ? config
    : { ...config, ...Object.fromEntries(given.map(([name, value]) => [name, value ?? undefined])) };
}

/** Null stays null, or it would read as if somebody had written the word. */
function wordOf(value: Values[(typeof FIELDS)[number]]): string | null {
  return value === null ? null : String(value);
}

function given(change: EnvironmentChange): Partial<EnvironmentRow> {
  return Object.fromEntries(
    Object.entries(change).filter(([name, value]) => name !== "config" && value !== undefined),
  );
}

interface Change {
  before: EnvironmentRow;
  after: EnvironmentRow;
}

/** The ports of one that does not run are only given back; its next start takes what is switched on by then. */
async function portsFollow(
  sql: Transaction,
  { before, after, running }: Change & { running: PlacementRow | null },
  { actor, now, newId }: Changing,
): Promise<string[]> {
  const [was, is] = [switchesOf(before), switchesOf(after)];
  if (!changesPorts(was, is)) return [];
  const leases = await wantedLeases(sql, after.id);
  const services = servicesWithPort(
    was,
    is,
    leases.map(({ service }) => service),
  );
  if (running !== null) {
    const environment = {
      ...after,
      ssh_enabled: services.ssh,
      rdp_enabled: services.rdp,
      jupyter_enabled: services.jupyter,
      tensorboard_enabled: services.tensorboard,
    };
    const leasing = { environment, hostId: running.host_id, generation: null, newId, actor, now };
    return (await leaseForStart(sql, leasing)).hostIds;
  }
  const over = leases.filter(({ service }) => service !== "custom" && !services[service]);
  const generations = await raiseGenerations(
    sql,
    over.map(({ hostId }) => hostId),
  );
  await orderRelease(sql, {
    environmentId: after.id,
    leases: over.map((lease) => ({ ...lease, reason: switchedOff(lease.service) })),
    generations,
    actor,
  });
  return [...generations.keys()];
}

function switchedOff(service: string): Reason {
  return { code: "lease-switched-off", params: { service } };
}

/** Whom its host lets in changes with its switches, also where no port does. */
async function doorFollows(
  sql: Transaction,
  { before, after, running }: Change & { running: PlacementRow | null },
): Promise<string[]> {
  const isSame =
    sshDoor(before) === sshDoor(after) && before.web_terminal_enabled === after.web_terminal_enabled;
  if (running === null || isSame) return [];
  return [...(await raiseGenerations(sql, [running.host_id])).keys()];
}

async function hoursFollow(sql: Transaction, { before, after }: Change): Promise<string[]> {
  if (before.auto_release_hours === after.auto_release_hours) return [];
  const leases = await wantedLeases(sql, after.id);
  const generations = await raiseGenerations(sql, [...new Set(leases.map(({ hostId }) => hostId))]);
  await setAutoRelease(sql, {
    leaseIds: leases.map(({ id }) => id),
    hours: after.auto_release_hours,
    generations,
  });
  return [...generations.keys()];
}
