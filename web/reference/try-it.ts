import { keyOf, savedKey, saveKey } from "../api.ts";
import { curlOf, type Field, requestOf, type TriedRequest } from "./request.ts";

/** The forms of `/docs` that send requests to this service. `scripts/reference/try-it.ts` makes their HTML. */

/** Headers about the answer. Those for browsers and proxies are not shown. */
const SHOWN_HEADERS =
  /^(age|cache-.*|content-type|etag|link|location|ratelimit.*|retry-after|server-timing|x-.*-id)$/;

const keyInput = find(document, "#key-input", HTMLInputElement);
keyInput.value = savedKey() ?? "";
keyInput.addEventListener("change", () => saveKey(keyInput.value));

for (const form of document.querySelectorAll("form")) prepare(form);

function prepare(form: HTMLFormElement): void {
  const command = find(form, ".command", HTMLElement);
  const showCommand = () => {
    command.textContent = curlOf(location.origin, read(form), keyInput.value.trim() !== "");
  };
  form.closest("details")?.addEventListener("toggle", showCommand);
  form.addEventListener("input", showCommand);
  keyInput.addEventListener("input", showCommand);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void send(form);
  });
}

function read(form: HTMLFormElement): TriedRequest {
  const fields = Array.from(form.querySelectorAll("input, select, textarea"), (control): Field => {
    if (control instanceof HTMLTextAreaElement) return { name: "body", place: "body", value: control.value };
    if (!(control instanceof HTMLInputElement || control instanceof HTMLSelectElement)) throw new TypeError();
    return { name: control.name, place: control.dataset.in ?? "", value: control.value };
  });
  return requestOf(form.dataset.method ?? "", form.dataset.path ?? "", fields);
}

async function send(form: HTMLFormElement): Promise<void> {
  const [status, answer] = [find(form, ".status", HTMLElement), find(form, ".answer", HTMLElement)];
  const button = find(form, "button", HTMLButtonElement);
  const { method, path, body } = read(form);
  const key = keyOf(keyInput.value);
  // A disabled button would lose the focus.
  if (button.ariaDisabled === "true") return;
  if (key === undefined) {
    status.textContent = "Invalid API key.";
    answer.hidden = true;
    return;
  }
  button.ariaDisabled = "true";
  status.textContent = "Sending…";
  try {
    const response = await fetch(path, {
      method,
      headers: {
        ...(key === "" ? {} : { Authorization: `Bearer ${key}` }),
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
      },
      ...(body === undefined ? {} : { body }),
    });
    const text = await textOf(response);
    status.textContent = `Status ${response.status}`;
    const headers = Array.from(response.headers)
      .filter(([name]) => SHOWN_HEADERS.test(name))
      .map(([name, value]) => `${name}: ${value}`);
    answer.textContent = `${headers.join("\n")}\n\n${text}`;
    answer.hidden = false;
  } catch (thrown) {
    status.textContent = `No response: ${thrown instanceof Error ? thrown.message : String(thrown)}`;
    answer.hidden = true;
  }
  button.ariaDisabled = "false";
}

/** The body as text. JSON is indented. */
async function textOf(response: Response): Promise<string> {
  const type = response.headers.get("Content-Type") ?? "";
  if (/^application\/(x-)?protobuf/.test(type)) return `${(await response.arrayBuffer()).byteLength} bytes`;
  const text = await response.text();
  if (!/^application\/([\w-]+\+)?json/.test(type)) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

/** @throws Error unless there is an element of this kind */
function find<Kind extends Element>(parent: ParentNode, selector: string, kind: new () => Kind): Kind {
  const found = parent.querySelector(selector);
  if (!(found instanceof kind)) throw new Error(`The page has no ${kind.name} ${selector}`);
  return found;
}
