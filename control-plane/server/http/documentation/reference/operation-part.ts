/** One operation as the page shows it: what it does, how to call it with curl, what it takes and what it answers. */
import { html } from "hono/html";
import { REFERENCE_PATH } from "../documentation-paths.ts";
import { curlOf } from "./curl.ts";
import {
  type ApiDocument,
  contentOf,
  JSON_TYPE,
  type Operation,
  type ResponsePart,
  type Route,
} from "../openapi-document.ts";
import { prose } from "./prose.ts";
import type { Html } from "../html-page.ts";
import { fieldPart, typeOf } from "./schema-part.ts";

export function operationPart(route: Route, document: ApiDocument): Html {
  const { method, path, operation } = route;
  const { operationId = "", summary = "", description = "" } = operation;
  return html`<summary>
      <code><b>${method.toUpperCase()}</b> ${path}</code> ${prose(summary)}
      <span class="who">${operation["x-access"] ?? ""}</span>
    </summary>
    <div id="${operationId}">
      ${description.split("\n\n").map((part) => html`<p>${prose(part)}</p>`)}
      <pre>${curlOf(route, document)}</pre>
      ${parametersPart(operation)} ${bodyPart(operation)}
      <h4>Answers</h4>
      ${answersPart(operation, document)}
      <p class="small"><a href="#${operationId}">${operationId}</a></p>
    </div>`;
}

function parametersPart({ parameters = [] }: Operation): Html {
  if (parameters.length === 0) return html``;
  return html`<h4>Parameters</h4>
    <dl>
      ${parameters.map(({ name, schema, description, example, required = false }) =>
        fieldPart(
          name,
          {
            ...schema,
            ...(description !== undefined && { description }),
            ...(example !== undefined && { examples: [example] }),
          },
          required,
        ),
      )}
    </dl>`;
}

function bodyPart({ requestBody }: Operation): Html {
  const content = contentOf(requestBody);
  if (content === null) return html``;
  const { schema, example } = content.media;
  return html`<h4>Body</h4>
    <p class="type">${typeOf(schema)}${requestBody?.required === true ? "" : ", may be left out"}</p>
    <pre>${JSON.stringify(example, null, 2)}</pre>`;
}

/** What it answers when it does what it was asked; of the rest the statuses, which are explained once for all. */
function answersPart({ responses }: Operation, { components }: ApiDocument): Html {
  const problems = Object.entries(responses).filter(([, { $ref }]) => $ref !== undefined);
  const answers = Object.entries(responses).filter(
    ([status, { $ref }]) => $ref === undefined && status !== "default",
  );
  const statuses = problems
    .map(([status, { $ref }]) => `${status} ${titleOf($ref, components.responses)}`)
    .join(", ");
  return html`<dl>${answers.map(([status, answer]) => answerPart(status, answer))}</dl>
    <p class="small">
      Or a <a href="#schema-Problem">Problem</a>: <a href="${REFERENCE_PATH}#errors">${statuses}</a>
    </p>`;
}

function answerPart(status: string, answer: ResponsePart): Html {
  const content = contentOf(answer);
  const what = content?.type === JSON_TYPE ? typeOf(content.media.schema) : (content?.type ?? "");
  return html`<dt><b>${status}</b> <span class="type">${what}</span></dt>
    <dd>${prose(answer.description ?? "")}</dd>`;
}

function titleOf($ref: string | undefined, responses: ApiDocument["components"]["responses"]): string {
  return responses[$ref?.split("/").at(-1) ?? ""]?.["x-title"] ?? "";
}
