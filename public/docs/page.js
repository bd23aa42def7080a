/** Shows /openapi.json with Swagger UI, or says why it cannot be shown. */

const DESCRIPTION = "/openapi.json";

const message = document.getElementById("message");
try {
  message.textContent = `Loading ${DESCRIPTION} …`;
  const spec = await load();
  if (window.SwaggerUIBundle === undefined) throw new Error("Swagger UI did not load");
  window.SwaggerUIBundle({
    // Not its address: what Swagger UI says when that cannot be loaded is no help.
    spec,
    domNode: document.getElementById("reference"),
    deepLinking: true,
  });
  message.textContent = "";
} catch (thrown) {
  message.textContent = `The API reference cannot be shown: ${thrown.message}. Reload the page to try again.`;
}

async function load() {
  const response = await fetch(DESCRIPTION).catch(() => {
    throw new Error(`${DESCRIPTION} cannot be reached`);
  });
  if (!response.ok) throw new Error(`${DESCRIPTION} was answered with status ${response.status}`);
  return await response.json().catch(() => {
    throw new Error(`${DESCRIPTION} is not JSON`);
  });
}
