import { type Html, html } from "./html.ts";
import type { Operation, Parameter } from "./openapi.ts";

/** HTML of the form that sends a request. `web/reference/try-it.ts` reads it. */
export function tryIt(method: string, path: string, operation: Operation): Html {
  const { operationId, parameters = [], requestBody } = operation;
  const example = Object.values(requestBody?.content ?? {})[0]?.example;
  const body =
    requestBody &&
    html`<label for="${operationId}-body">Body (JSON)</label>
<textarea id="${operationId}-body" name="body" rows="5" spellcheck="false">${JSON.stringify(example, null, 2)}</textarea>`;
  return html`<details class="try"><summary>Try it</summary>
<form data-method="${method.toUpperCase()}" data-path="${path}">
${parameters.map((parameter) => field(operationId, parameter))}${body}
<pre class="command" tabindex="0" role="group" aria-label="Command"></pre>
<p><button type="submit">Send</button> <span class="status" role="status"></span></p>
<pre class="answer" tabindex="0" role="group" aria-label="Response" hidden></pre>
</form></details>`;
}

function field(operationId: string, { name, in: place, required, schema, example }: Parameter): Html {
  const id = `${operationId}-${name}`;
  const attributes = html`id="${id}" name="${name}" data-in="${place}"${required ? html` required` : undefined}`;
  const label = html`<label for="${id}">${name}</label>`;
  if (schema.enum) {
    const first = required ? undefined : html`<option value=""></option>`;
    const options = schema.enum.map(
      (value) =>
        html`<option${required && value === example ? html` selected` : undefined}>${String(value)}</option>`,
    );
    return html`${label}<select ${attributes}>${first}${options}</select>`;
  }
  const initial = required ? html`value="${String(example)}"` : html`placeholder="${String(example)}"`;
  return html`${label}<input ${attributes} ${initial} autocomplete="off" spellcheck="false" />`;
}
