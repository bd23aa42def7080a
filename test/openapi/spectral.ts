import spectral from "@stoplight/spectral-core";
import { oas } from "@stoplight/spectral-rulesets";

const { Ruleset, Spectral } = spectral;

/** The recommended rules of Spectral for OpenAPI. */
const linter = new Spectral();
linter.setRuleset(
  new Ruleset({
    extends: [oas],
    rules: {
      // The contact is the operator of a deployment, which this repository does not know.
      "info-contact": "off",
    },
  }),
);

/** Lints a document. Returns a line for each violation, of any severity. */
export async function violations(document: string): Promise<string[]> {
  const results = await linter.run(JSON.parse(document));
  return results.map(({ code, path, message }) => `${path.join(".")} ${code}: ${message}`);
}
