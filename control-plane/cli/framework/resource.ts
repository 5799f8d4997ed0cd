/** The five verbs every plain resource has: create, list, show, update, delete. */
import type { z } from "zod";
import { argument, command, resourceField, type Command, type Group } from "./command.ts";
import { words } from "./arguments.ts";
import { body } from "./context.ts";
import { listCommand, segment, showCommand } from "./list-command.ts";
import { printDone, type Column } from "./output.ts";
import type { Kind } from "./resource-fields.ts";

export function resource(definition: {
  kind: Kind;
  route: string;
  summary: string;
  columns: Column[];
  create: z.ZodRawShape;
  update?: z.ZodRawShape;
  /** Said behind the sentence that one is deleted. */
  deletionAdvice?: string;
  /** In place of the one that shows the entry alone. */
  show?: Command;
  /** Further commands of the group. */
  more?: readonly (Command | Group)[];
}): Group {
  const { kind, route, columns, create, update, deletionAdvice, more = [] } = definition;
  const path = (id: string) => `${route}/${segment(id)}`;
  return {
    name: kind,
    summary: definition.summary,
    members: [
      command({
        name: "create",
        summary: `make a new ${kind}`,
        takes: { name: argument("name", words()), ...create },
        run: async ({ api, output }, members) => {
          const row = await api.post(route, body(members));
          printDone(output, `${capital(kind)} ${String(row.id)} (${String(row.name)}) is made.`, row);
        },
      }),
      listCommand({ summary: `every ${kind} you may see`, route: () => route, columns }),
      definition.show ??
        showCommand({
          summary: `one ${kind}`,
          takes: { id: resourceField(kind, kind) },
          route: ({ id }) => path(id),
        }),
      ...(update === undefined
        ? []
        : [
            command({
              name: "update",
              summary: `change one ${kind}`,
              takes: { id: resourceField(kind, kind), ...update },
              run: async ({ api, output }, { id, ...members }) => {
                const row = await api.patch(path(id), body(members));
                printDone(output, `${capital(kind)} ${id} is changed.`, row);
              },
            }),
          ]),
      command({
        name: "delete",
        summary: `delete one ${kind}`,
        takes: { id: resourceField(kind, kind) },
        run: async ({ api, output }, { id }) => {
          await api.delete(path(id));
          const sentence = `${capital(kind)} ${id} is deleted.`;
          printDone(output, deletionAdvice === undefined ? sentence : `${sentence} ${deletionAdvice}`, {
            id,
          });
        },
      }),
      ...more,
    ],
  };
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
