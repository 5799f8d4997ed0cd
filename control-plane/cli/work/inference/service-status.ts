/**
 * `remotegpu service status`: how a service stands, on few lines that are looked at again and again: what is wanted and what
 * serves, of which revision, and what each replica is doing.
 */
import {
  getInferenceService,
  getServiceTraffic,
  listInferenceServiceInstances,
  listServiceRevisions,
} from "../../../client/generated/api.ts";
import type { InferenceService, Instance } from "../../../client/generated/api.schemas.ts";
import { asSentence } from "@remotegpu/shared/values/sentence";
import { command, resourceField } from "../../framework/command.ts";
import { type Column, type Output, printDone, printList } from "../../framework/output.ts";
import { safeText } from "../../terminal/safe-text.ts";

type Service = Pick<
  InferenceService,
  | "id"
  | "name"
  | "status"
  | "status_reason"
  | "version"
  | "replicas"
  | "ready_replicas"
  | "waiting_replicas"
  | "endpoint_url"
> & { rollout: Pick<NonNullable<InferenceService["rollout"]>, "version" | "cause"> | null };
type Replica = Pick<Instance, "rank" | "state" | "detail" | "revision" | "serving"> &
  Partial<Pick<Instance, "host_name" | "placed_at">>;

export interface ServiceOverview {
  service: Service;
  /** The requests that are open, at all gateways. */
  open: { in_flight: number; held: number };
  replicas: readonly Replica[];
  /** What each revision is called, by its number. */
  versions: ReadonlyMap<number, string | null>;
}

const REPLICA_COLUMNS: Column<Replica>[] = [
  ["replica", (row) => row.rank],
  "revision",
  "state",
  "serving",
  ["host", (row) => row.host_name],
  { ifRoom: ["since", (row) => row.placed_at] },
  ["says", (row) => row.detail],
];

export const SERVICE_STATUS = command({
  name: "status",
  summary: "how it stands: what is wanted, what serves, of which revision, and what each replica does",
  takes: { service: resourceField("service", "service") },
  isWatchable: true,
  examples: ["service status chat --watch"],
  run: async ({ api, output }, { service: id }) => {
    const service = await api.send(getInferenceService(id));
    const [replicas, revisions, traffic] = await Promise.all([
      api.list(listInferenceServiceInstances(id)),
      api.list(listServiceRevisions(id)),
      api.send(getServiceTraffic(id, { limit: 1 })),
    ]);
    const { in_flight, held } = traffic;
    if (output.format === "json" || output.format === "name")
      return printDone(output, "", { ...service, in_flight, held, instances: replicas, revisions });
    printOverview(output, {
      service,
      open: { in_flight, held },
      replicas,
      versions: new Map(revisions.map(({ number, version }) => [number, version])),
    });
  },
});

export function printOverview(output: Output, { service, open, replicas, versions }: ServiceOverview): void {
  const { name, id, status, status_reason: reason, version, endpoint_url: url } = service;
  const of = version === null ? "" : `, version ${version}`;
  const lines = [
    `${name} (${id}) is ${status}${of}.`,
    countsText(service),
    `${open.in_flight} requests in flight, ${open.held} waiting for a replica.`,
    ...rolloutLines(service),
    ...(reason === null ? [] : [asSentence(reason)]),
    ...revisionLines(replicas, versions),
    ...(url === null ? [] : [url]),
  ];
  output.write(lines.map((line) => `${folded(safeText(line), output.width)}\n`).join(""));
  if (replicas.length === 0) return;
  output.write("\n");
  printList(output, replicas.toSorted(byRevision), REPLICA_COLUMNS);
}

function countsText({ replicas, ready_replicas: ready, waiting_replicas: waiting }: Service): string {
  const wait = waiting === 0 ? "" : `, ${waiting} waiting for a place`;
  return `${replicas} wanted, ${ready} serving${wait}.`;
}

function rolloutLines({ rollout, version }: ServiceOverview["service"]): string[] {
  if (rollout === null) return [];
  const { cause } = rollout;
  return cause === null
    ? [`On its way to version ${rollout.version}.`]
    : [asSentence(`On its way back from version ${rollout.version} to ${version}: ${cause}`)];
}

/** Only where there are several: else each of them is of the version that was named. */
function revisionLines(
  replicas: ServiceOverview["replicas"],
  versions: ServiceOverview["versions"],
): string[] {
  const numbers = [...new Set(replicas.map(({ revision }) => revision))];
  if (numbers.length < 2) return [];
  return numbers
    .toSorted((one, other) => (one ?? 0) - (other ?? 0))
    .map((number) => {
      const own = replicas.filter(({ revision }) => revision === number);
      const serving = own.filter(({ serving: answer }) => answer === "yes").length;
      const version = number === null ? undefined : versions.get(number);
      const called = `Revision ${String(number)}${version === undefined ? "" : ` (version ${version})`}`;
      return `${called}: ${serving} of ${own.length} serving.`;
    });
}

function byRevision(one: ServiceOverview["replicas"][number], other: typeof one): number {
  return (one.revision ?? 0) - (other.revision ?? 0) || one.rank - other.rank;
}

/** Between words, so that no line is longer than a terminal's. */
function folded(text: string, width: number | null): string {
  if (width === null) return text;
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const line = lines.at(-1);
    if (line === undefined || line.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = `${line} ${word}`;
  }
  return lines.join("\n");
}
