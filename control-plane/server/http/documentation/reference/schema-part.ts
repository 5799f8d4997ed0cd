/** Schemas as the page shows them: each named one with a heading that others link to, its fields as a list. */
import { html } from "hono/html";
import type { Html } from "../html-page.ts";
import { refName, type Schema } from "../openapi-document.ts";
import { prose } from "./prose.ts";

export function schemaPart(name: string, schema: Schema): Html {
  return html`<section>
    <h3 id="schema-${name}">${name}</h3>
    ${schema.description === undefined ? "" : html`<p>${prose(schema.description)}</p>`} ${fieldsPart(schema)}
  </section>`;
}

/** What it holds; where it only joins or chooses among others, those as links. */
function fieldsPart(schema: Schema): Html {
  const { properties, required = [], allOf } = schema;
  if (allOf !== undefined)
    return html`${allOf.map((part) => (refName(part) === null ? fieldsPart(part) : html`<p>All of ${typeOf(part)}, and:</p>`))}`;
  if (properties === undefined) return html`<p class="type">${typeOf(schema)}</p>`;
  return html`<dl>
    ${Object.entries(properties).map(([field, value]) => fieldPart(field, value, required.includes(field)))}
  </dl>`;
}

export function fieldPart(name: string, schema: Schema, isRequired: boolean): Html {
  const [example] = schema.examples ?? [];
  return html`<dt>
      <code>${name}</code> <span class="type">${typeOf(schema)}${isRequired ? "" : ", may be left out"}</span>
    </dt>
    <dd>
      ${prose(schema.description ?? "")}
      ${example === undefined ? "" : html`<span class="small">Such as <code>${JSON.stringify(example)}</code></span>`}
      ${boundsPart(schema)}
    </dd>`;
}

export function typeOf(schema: Schema): Html {
  const name = refName(schema);
  if (name !== null) return html`<a href="#schema-${name}">${name}</a>`;
  if (schema.enum !== undefined) return html`${schema.enum.map((one) => JSON.stringify(one)).join(", ")}`;
  if (schema.const !== undefined) return html`${JSON.stringify(schema.const)}`;
  const alternatives = schema.anyOf ?? schema.oneOf;
  if (alternatives !== undefined)
    return html`${alternatives.map((one, index) => html`${index === 0 ? "" : " or "}${typeOf(one)}`)}`;
  const types = [schema.type ?? "anything"].flat();
  return html`${types.map((type, index) => html`${index === 0 ? "" : " or "}${plainType(type, schema)}`)}`;
}

function plainType(type: string, { items, additionalProperties, format }: Schema): Html {
  if (type === "array" && items !== undefined) return html`list of ${typeOf(items)}`;
  if (
    type === "object" &&
    typeof additionalProperties === "object" &&
    additionalProperties.type !== undefined
  )
    return html`object of ${typeOf(additionalProperties)}`;
  return html`${type === "string" && format !== undefined ? `string (${format})` : type}`;
}

function boundsPart({ minimum, maximum, minLength, maxLength, minItems, maxItems, pattern }: Schema): Html {
  const bounds = [
    rangeOf("", minimum, maximum),
    rangeOf(" characters", minLength, maxLength),
    rangeOf(" entries", minItems, maxItems),
    pattern === undefined ? "" : `matches ${pattern}`,
  ].filter(Boolean);
  return bounds.length === 0 ? html`` : html`<span class="small">(${bounds.join("; ")})</span>`;
}

function rangeOf(unit: string, least: number | undefined, most: number | undefined): string {
  // The bounds of whole numbers in JSON say nothing about the field.
  const isBound = (bound: number | undefined) =>
    bound !== undefined && Math.abs(bound) !== Number.MAX_SAFE_INTEGER;
  if (isBound(least) && isBound(most)) return `${least} to ${most}${unit}`;
  if (isBound(least)) return `at least ${least}${unit}`;
  return isBound(most) ? `at most ${most}${unit}` : "";
}
