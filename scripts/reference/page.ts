import { type Html, html, prose } from "./html.ts";
import type { Document, Operation } from "./openapi.ts";
import { operationHtml } from "./operation.ts";
import { members, typeOf } from "./schema.ts";

/** The content of `/docs`: navigation, operations by tag, schemas. */

/** @param template HTML with the placeholders `{{nav}}`, `{{intro}}` and `{{main}}` */
export function referencePage(template: string, document: Document): string {
  const { info, tags, paths, webhooks, security, components } = document;
  const operations = [...operationsOf(paths), ...operationsOf(webhooks, true)];
  const groups = tags.map((tag) => ({
    ...tag,
    id: tag.name.toLowerCase(),
    operations: operations.filter(({ operation }) => operation.tags.includes(tag.name)),
  }));
  const nav = html`${groups.map(
    ({ id, name, operations: all }) => html`<li><a href="#${id}">${name}</a><ul>
${all.map(({ operation: { operationId, summary } }) => html`<li><a href="#${operationId}">${summary}</a></li>`)}</ul></li>
`,
  )}<li><a href="#schemas">Schemas</a></li>`;
  const main = html`${groups.map(
    ({ id, name, description, operations: all }) => html`<section aria-labelledby="${id}">
<h2 id="${id}">${name}</h2>
${prose(description)}
${all.map(({ method, path, operation, isMessage }) => operationHtml(method, path, operation, security, isMessage))}</section>
`,
  )}<section aria-labelledby="schemas">
<h2 id="schemas">Schemas</h2>
${Object.entries(components.schemas).map(
  ([name, schema]) => html`<article aria-labelledby="schema-${name}">
<h3 id="schema-${name}">${name}</h3>
${schema.description === undefined ? undefined : prose(schema.description)}
${schema.properties ? members(schema) : html`<p>${typeOf(schema)}</p>`}
</article>
`,
)}</section>`;
  const intro = html`${prose(info.description)}`;
  const parts: Readonly<Record<string, Html>> = { nav, intro, main };
  return template.replace(/\{\{(\w+)\}\}/g, (all, name: string) => parts[name]?.source ?? all);
}

function operationsOf(paths: Document["paths"], isMessage = false) {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]: [string, Operation]) => ({
      method,
      path,
      operation,
      isMessage,
    })),
  );
}
