/**
 * The OpenAPI document as one HTML page, without scripts: searching asks the server again. Every text passes through the
 * html tag's escaping.
 */
import { html } from "hono/html";
import { API_BASE } from "../api-base.ts";
import { DOCS_PATH, REFERENCE_PATH } from "../documentation-paths.ts";
import { installLine } from "../install-lines.ts";
import { KEY_VARIABLE } from "./curl.ts";
import { type ApiDocument, type ResponsePart, routesOf } from "../openapi-document.ts";
import { operationPart } from "./operation-part.ts";
import { holdsAll, questionOf, referredTo, textOfOperation, textOfSchema } from "./reference-search.ts";
import { type Html, htmlPage, searchForm } from "../html-page.ts";
import { prose } from "./prose.ts";
import { schemaPart } from "./schema-part.ts";
import { SECURITY_SCHEME } from "../texts.ts";

/** So few that were found are shown whole. */
const MOST_OPEN = 5;

interface Part {
  text: string;
  visible: Html;
  /** Named schemas that it links. */
  refers: ReadonlySet<string>;
}

/** What any operation may answer. */
const PROBLEM = { $ref: "#/components/schemas/Problem" };

/** Makes the parts of the page once; what is asked for chooses among them. */
export function documentationPages(document: ApiDocument): (requested: string) => Html {
  const operations = routesOf(document).map((route) => ({
    tag: route.operation.tags?.[0] ?? "",
    text: textOfOperation(route, document),
    visible: operationPart(route, document),
    refers: referredTo(route.operation, document, referredTo(PROBLEM, document)),
  }));
  const schemas = Object.entries(document.components.schemas).map(([name, schema]) => ({
    name,
    text: textOfSchema(name, schema),
    visible: schemaPart(name, schema),
    refers: referredTo(schema, document),
  }));
  return (requested) => {
    const question = questionOf(requested);
    const isRequested = ({ text }: Part) => holdsAll(text, question);
    const found = { operations: operations.filter(isRequested), schemas: schemas.filter(isRequested) };
    const linked = new Set([...found.operations, ...found.schemas].flatMap(({ refers }) => [...refers]));
    const visible = schemas.filter((schema) => found.schemas.includes(schema) || linked.has(schema.name));
    return page(document, requested, { operations: found.operations, schemas: visible });
  };
}

interface View {
  operations: readonly (Part & { tag: string })[];
  schemas: readonly Part[];
}

function page(document: ApiDocument, requested: string, { operations, schemas }: View): Html {
  const isAll = questionOf(requested).length === 0;
  const isOpen = !isAll && operations.length <= MOST_OPEN;
  const tags = document.tags.filter(({ name }) => operations.some(({ tag }) => tag === name));
  const { title, version, description } = document.info;
  const search = { path: REFERENCE_PATH, query: requested, label: "Search", example: "environment logs" };
  return htmlPage({
    title: `${title} API`,
    body: html`<h1>${title} API ${version}</h1>
      <p>
        ${prose(description)} The same for programs: <a href="/openapi.json">/openapi.json</a>.
        <a href="${DOCS_PATH}">Pages</a> explain the rest.
      </p>
      ${searchForm(search)} ${isAll ? "" : foundPart(operations.length, schemas.length)}
      <nav>
        <ul>
          <li><a href="${REFERENCE_PATH}#command">the command</a></li>
          <li><a href="${REFERENCE_PATH}#authentication">authentication</a></li>
          <li><a href="${REFERENCE_PATH}#errors">errors</a></li>
          ${tags.map(({ name }) => html`<li><a href="#${anchorOf(name)}">${name}</a></li>`)}
          <li><a href="#schemas">schemas</a></li>
        </ul>
      </nav>
      ${isAll ? [commandPart(document), basicsPart(document)] : ""}
      ${tags.map(
        ({ name, description }) =>
          html`<section>
            <h2 id="${anchorOf(name)}">${name}</h2>
            <p>${prose(description)}</p>
            ${operations.flatMap(({ tag, visible }) => (tag === name ? detailsOf(visible, isOpen) : []))}
          </section>`,
      )}
      <h2 id="schemas">schemas</h2>
      ${schemas.map(({ visible }) => visible)}`,
  });
}

function detailsOf(visible: Html, isOpen: boolean): Html {
  return isOpen ? html`<details open>${visible}</details>` : html`<details>${visible}</details>`;
}

function foundPart(operations: number, schemas: number): Html {
  return html`<p>
    ${operations} operations and ${schemas} schemas. <a href="${REFERENCE_PATH}">Show all</a>
  </p>`;
}

function commandPart(document: ApiDocument): Html {
  return html`<section>
    <h2 id="command">the command</h2>
    <p>
      Whatever stands on this page the <code>remotegpu</code> command can do, for Node 20 or newer. This
      installs it from here, and brings a newer one later; <a href="/cli">/cli</a> says what comes next, and
      what to do where the server's certificate comes from a CA of its own.
    </p>
    <pre>${installLine(document.servers[0]?.url ?? "")}</pre>
  </section>`;
}

function basicsPart(document: ApiDocument): Html {
  const me = `curl '${document.servers[0]?.url ?? ""}${API_BASE}/me' \\\n  -H "Authorization: Bearer $${KEY_VARIABLE}"`;
  return html`<section>
      <h2 id="authentication">authentication</h2>
      <p>${prose(SECURITY_SCHEME.description)}</p>
      <p>
        A customer's first key comes from an administrator (<a href="#createCustomerApiKey"
          >createCustomerApiKey</a
        >), further ones that open no more from <a href="#createApiKey">createApiKey</a>; the first
        administrator's is printed by <code>remotegpu-control-plane admin-key</code> on the server. The
        commands on this page take the key from the environment, and need <code>--cacert</code> with the
        server's CA where it has no public certificate:
      </p>
      <pre>
export ${KEY_VARIABLE}=…
${me}</pre>
      <p>
        A POST may carry <code>Idempotency-Key</code>: sent again within 24 h with the same body, it is
        answered as the first time and orders nothing twice. Lists take <code>?limit=</code> and
        <code>?cursor=</code>, which is the <code>next_cursor</code> of the page before.
      </p>
    </section>
    <section>
      <h2 id="errors">errors</h2>
      <p>
        Whatever is not done is answered with a <a href="#schema-Problem">Problem</a> as
        <code>application/problem+json</code>. Its status says what kind it is:
      </p>
      <dl>${Object.values(document.components.responses).map(problemPart)}</dl>
    </section>`;
}

function problemPart({ description, "x-status": status, "x-title": title }: ResponsePart): Html {
  return html`<dt><b>${status}</b> ${title}</dt>
    <dd>${prose(description ?? "")}</dd>`;
}

function anchorOf(tag: string): string {
  return `tag-${tag.replaceAll(" ", "-")}`;
}
