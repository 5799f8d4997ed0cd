/**
 * One value that a schema takes: the example that it was given, else one put together from the examples of what it
 * holds. An object has what is required of it, and where nothing is, its first field.
 */
import { type ApiDocument, resolved, type Schema } from "./openapi-document.ts";

export function exampleOf(given: Schema, document: ApiDocument): unknown {
  const schema = resolved(given, document);
  const { examples, enum: choices, anyOf, oneOf, allOf, items } = schema;
  if (examples?.[0] !== undefined) return examples[0];
  if (schema.const !== undefined) return schema.const;
  if (choices?.[0] !== undefined) return choices[0];
  const alternative = anyOf?.[0] ?? oneOf?.[0];
  if (alternative !== undefined) return exampleOf(alternative, document);
  if (allOf !== undefined) return Object.assign({}, ...allOf.map((part) => exampleOf(part, document)));
  const types = [schema.type].flat();
  if (types.includes("boolean")) return true;
  if (types.includes("integer") || types.includes("number")) return schema.minimum ?? 1;
  if (types.includes("array")) return items === undefined ? [] : [exampleOf(items, document)];
  return types.includes("string") ? "text" : objectExample(schema, document);
}

function objectExample({ properties = {}, required = [] }: Schema, document: ApiDocument): object {
  const [first] = Object.keys(properties);
  const fields = required.length > 0 || first === undefined ? required : [first];
  return Object.fromEntries(
    fields.flatMap((field) => {
      const schema = properties[field];
      return schema === undefined ? [] : [[field, exampleOf(schema, document)]];
    }),
  );
}
