import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { openapiJson } from "../../functions/openapi/document.ts";
import { violations } from "./spectral.ts";

/**
 * Lints both variants of the OpenAPI document with Redocly and Spectral, and exits with 1 after a warning.
 *
 * Spectral is used as a library, because one package of its command line declares its license in a form that
 * `licenses.test.ts` does not see.
 */
const FOLDER = "test/openapi/documents";

mkdirSync(FOLDER, { recursive: true });
for (const keys of ["optional", "required"] as const) {
  const path = `${FOLDER}/${keys}.json`;
  const json = openapiJson(keys);
  // One line each, so that Redocly can say where an error is.
  writeFileSync(path, JSON.stringify(JSON.parse(json), null, 2));
  const redocly = spawnSync("redocly", ["lint", path, "--config", "test/openapi/redocly.yaml"], {
    env: { ...process.env, REDOCLY_TELEMETRY: "off", REDOCLY_SUPPRESS_UPDATE_NOTICE: "true" },
    stdio: "inherit",
  });
  const lines = await violations(json);
  for (const line of lines) console.error(`Spectral: ${path} ${line}`);
  console.log(`Spectral: ${path}, ${lines.length} violations`);
  if (redocly.status !== 0 || lines.length > 0) process.exitCode = 1;
}
