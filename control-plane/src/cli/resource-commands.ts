/** The five verbs every plain resource has: create, list, show, update, delete. */
import type { Command } from "commander";
import { body, withContext } from "./context.ts";
import { printDone, printList, printOne, type Column } from "./output.ts";

export type Resource = {
  noun: string;
  route: string;
  description: string;
  columns: Column[];
  /** Adds the arguments of `create`; its first argument becomes the member `name` (or `firstMember`). */
  create: (command: Command) => Command;
  firstMember?: string;
  update?: (command: Command) => Command;
};

export function addResource(program: Command, resource: Resource): Command {
  const { noun, route, columns } = resource;
  const group = program.command(noun).description(resource.description);

  resource.create(group.command("create").description(`make a ${noun}`)).action(
    withContext(async ({ api, output }, first: string, options: object) => {
      const row = await api.post(route, { [resource.firstMember ?? "name"]: first, ...body(options) });
      printDone(output, `${capital(noun)} ${String(row.id)} (${first}) is made.`, row);
    }),
  );
  group
    .command("list")
    .description(`every ${noun} you may see`)
    .action(withContext(async ({ api, output }) => printList(output, await api.list(route), columns)));
  group
    .command("show <id>")
    .description(`one ${noun}`)
    .action(
      withContext(async ({ api, output }, id: string) =>
        printOne(output, await api.get(`${route}/${encodeURIComponent(id)}`)),
      ),
    );
  if (resource.update !== undefined)
    resource.update(group.command("update <id>").description(`change a ${noun}`)).action(
      withContext(async ({ api, output }, id: string, options: object) => {
        const row = await api.patch(`${route}/${encodeURIComponent(id)}`, body(options));
        printDone(output, `${capital(noun)} ${id} is changed.`, row);
      }),
    );
  group
    .command("delete <id>")
    .description(`delete a ${noun}`)
    .action(
      withContext(async ({ api, output }, id: string) => {
        await api.delete(`${route}/${encodeURIComponent(id)}`);
        printDone(output, `${capital(noun)} ${id} is deleted.`, { id });
      }),
    );
  return group;
}

function capital(noun: string): string {
  return noun.charAt(0).toUpperCase() + noun.slice(1);
}
