/** The five verbs every plain resource has: create, list, show, update, delete. */
import type { z } from "zod";
import type { ApiRequest, Page } from "../../client/api-request.ts";
import { command, resourceField, type Command, type Given, type Group } from "./command.ts";
import { listCommand, showCommand } from "./list-command.ts";
import { printDone, type Column } from "./output.ts";
import type { Kind } from "./resource-fields.ts";

type Entry = { id: number | string; name: string };

/** The requests and commands of one resource. */
export interface Resource<One extends Entry> {
  kind: Kind;
  summary: string;
  list: () => ApiRequest<Page<One>>;
  get: (id: string) => ApiRequest<One>;
  delete: (id: string) => ApiRequest<unknown>;
  columns: readonly Column<NoInfer<One>>[];
  create: Command;
  update?: Command;
  /** Said behind the sentence that one is deleted. */
  deletionAdvice?: string;
  /** In place of the one that shows the entry alone. */
  show?: Command;
  /** Further commands of the group. */
  more?: readonly (Command | Group)[];
}

export function resource<One extends Entry>(definition: Resource<One>): Group {
  const { kind, summary, list, get, columns, create, update, more = [] } = definition;
  const show = () =>
    showCommand({
      summary: `one ${kind}`,
      takes: { id: resourceField(kind, kind) },
      request: ({ id }) => get(id),
    });
  return {
    name: kind,
    summary,
    members: [
      create,
      listCommand({ summary: `every ${kind} you may see`, request: list, columns }),
      definition.show ?? show(),
      ...(update === undefined ? [] : [update]),
      deleteCommand(definition),
      ...more,
    ],
  };
}

export function createCommand<Shape extends z.ZodRawShape>(
  kind: Kind,
  takes: Shape,
  request: (given: Given<Shape>) => ApiRequest<Entry>,
): Command {
  return command({
    name: "create",
    summary: `make a new ${kind}`,
    takes,
    run: async ({ api, output }, members) => {
      const row = await api.send(request(members));
      printDone(output, `${capital(kind)} ${row.id} (${row.name}) is made.`, row);
    },
  });
}

export function updateCommand<Shape extends z.ZodRawShape>(
  kind: Kind,
  takes: Shape,
  request: (given: Given<Shape>) => ApiRequest<Entry>,
): Command {
  return command({
    name: "update",
    summary: `change one ${kind}`,
    takes,
    run: async ({ api, output }, members) => {
      const row = await api.send(request(members));
      printDone(output, `${capital(kind)} ${row.id} is changed.`, row);
    },
  });
}

function deleteCommand<One extends Entry>({ kind, deletionAdvice, ...definition }: Resource<One>): Command {
  return command({
    name: "delete",
    summary: `delete one ${kind}`,
    takes: { id: resourceField(kind, kind) },
    run: async ({ api, output }, { id }) => {
      await api.send(definition.delete(id));
      const sentence = `${capital(kind)} ${id} is deleted.`;
      printDone(output, deletionAdvice === undefined ? sentence : `${sentence} ${deletionAdvice}`, { id });
    },
  });
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
