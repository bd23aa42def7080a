import { type Html, html, inline, joined, prose } from "./html.ts";
import type { Content, Operation, Response } from "./openapi.ts";
import { members, parameters, typeOf } from "./schema.ts";
import { tryIt } from "./try-it.ts";

/** HTML of an operation: description, input, form to try it, responses. */

/** @param security the one of the document, which operations without their own have */
export function operationHtml(
  method: string,
  path: string,
  operation: Operation,
  security: NonNullable<Operation["security"]>,
  isMessage = false,
): Html {
  const { operationId, summary, description, parameters: list = [], requestBody, responses } = operation;
  const [[type, body] = []] = Object.entries(requestBody?.content ?? {});
  return html`<article id="${operationId}" aria-labelledby="${operationId}-name">
<h3 id="${operationId}-name"><a href="#${operationId}">${summary}</a></h3>
<p class="path"><strong class="method">${method.toUpperCase()}</strong> <code>${path}</code></p>
${description === undefined ? undefined : prose(description)}
${isMessage ? undefined : html`<p class="key">${keyRule(operation.security ?? security)}</p>`}
${list.length === 0 ? undefined : html`<h4>Parameters</h4>${parameters(list)}`}
${body && html`<h4>Request body: <code>${type}</code></h4>${bodyHtml(body)}`}
${isMessage ? undefined : tryIt(method, path, operation)}
<h4>Responses</h4>
${Object.entries(responses).map(responseHtml)}
</article>
`;
}

function keyRule(security: NonNullable<Operation["security"]>): string {
  if (security.length === 0) return "No API key needed.";
  const isOptional = security.some((scheme) => Object.keys(scheme).length === 0);
  return isOptional ? "Needs an API key if the service has keys." : "Needs an API key.";
}

function bodyHtml({ schema, example }: Content): Html {
  return html`${schema.properties ? members(schema) : html`<p>${typeOf(schema)}</p>`}${exampleHtml(example)}`;
}

function responseHtml([status, { description, headers = {}, content = {} }]: [string, Response]): Html {
  const problem = content["application/problem+json"]?.examples;
  if (problem) {
    const codes = Object.keys(problem).map(
      (code) => html`<a href="/problems/${code}"><code>${code}</code></a>`,
    );
    return html`<p class="response"><strong>${status}</strong> ${joined(codes, ", ")}</p>`;
  }
  const names = Object.entries(headers);
  if (names.length === 0) return html`<p class="response"><strong>${status}</strong> ${description}</p>`;
  const media = Object.entries(content).map(
    ([type, { schema, example }]) =>
      html`<h5><code>${type}</code></h5><p>${typeOf(schema)}${schema.description && html`: ${inline(schema.description)}`}</p>${exampleHtml(example)}`,
  );
  return html`<details class="response"><summary><strong>${status}</strong> ${description}</summary>
${media}<h5>Headers</h5><dl>${names.map(([name, one]) => html`<dt><code>${name}</code></dt><dd>${inline(one.description)}</dd>`)}</dl></details>`;
}

/** The example can be scrolled with the keyboard. */
function exampleHtml(example: unknown): Html | undefined {
  if (example === undefined) return undefined;
  const text = typeof example === "string" ? example : JSON.stringify(example, null, 2);
  return html`<pre tabindex="0" role="group" aria-label="Example">${text}</pre>`;
}
