/**
 * The order of an inference service as a JSON Schema, for editors, and for programs that lay an order from a file before a
 * service that is there: with each member stands how it may be changed of one.
 */
import { createRoute, z } from "@hono/zod-openapi";
import type { ApiApp } from "../deps.ts";
import { forEveryone } from "../request/route.ts";
import { CHANGEABLE, NewInferenceServiceBody } from "./service-body.ts";

/** "patch": at once, by PATCH. "upgrade": by another revision. "never": with another service. */
const CHANGES = "x-changes-by";
const OF_ITS_LIFE = ["workspace_id", "framework"];

const route = createRoute({
  ...forEveryone,
  method: "get",
  path: "/schemas/inference-service",
  operationId: "getInferenceServiceSchema",
  tags: ["inference services"],
  summary: "The order of an inference service as a JSON Schema, for editors and checkers",
  description: `\`${CHANGES}\` states of each member how it changes later: \`patch\` at once, \`upgrade\` by another revision, \`never\` not at all.`,
  responses: {
    200: {
      description: "The schema",
      content: { "application/json": { schema: z.looseObject({}) } },
    },
  },
});

export function registerServiceSchema(api: ApiApp): void {
  const described = z.toJSONSchema(NewInferenceServiceBody, { io: "input", unrepresentable: "any" });
  const plain = marked(JSON.parse(JSON.stringify(described)), Object.keys(CHANGEABLE));
  const { config } = plain.properties;
  plain.properties["config"] = marked(config, Object.keys(CHANGEABLE.config.unwrap().shape));
  api.openapi(route, (c) => c.json(plain, 200));
}

const Members = z.looseObject({ properties: z.record(z.string(), z.looseObject({})) });

function marked(schema: unknown, patched: readonly string[]): z.output<typeof Members> {
  const { properties, ...rest } = Members.parse(schema);
  const how = (name: string) =>
    OF_ITS_LIFE.includes(name) ? "never" : patched.includes(name) ? "patch" : "upgrade";
  const members = Object.entries(properties).map(
    ([name, one]) => [name, { ...one, [CHANGES]: how(name) }] as const,
  );
  return { ...rest, properties: Object.fromEntries(members) };
}
