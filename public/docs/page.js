/** Displays /openapi.json with Swagger UI, or an error message. */

const SPEC_PATH = "/openapi.json";

const message = document.getElementById("message");
try {
  message.textContent = `Loading ${SPEC_PATH}…`;
  const spec = await load();
  if (window.SwaggerUIBundle === undefined) throw new Error("Swagger UI did not load");
  window.SwaggerUIBundle({
    // `spec` instead of `url`: Swagger UI's own error message is not helpful.
    spec,
    domNode: document.getElementById("reference"),
    deepLinking: true,
  });
  message.textContent = "";
} catch (thrown) {
  message.textContent = `The API reference cannot be displayed: ${thrown.message}. Reload the page to try again.`;
}

async function load() {
  const response = await fetch(SPEC_PATH).catch(() => {
    throw new Error(`${SPEC_PATH} cannot be reached`);
  });
  if (!response.ok) throw new Error(`${SPEC_PATH} returned status ${response.status}`);
  return await response.json().catch(() => {
    throw new Error(`${SPEC_PATH} is not JSON`);
  });
}
