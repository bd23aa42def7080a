import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { openapiJson } from "../../functions/openapi/document.ts";
import { QUOTE_LICENSE } from "../../functions/openapi/quote-license.ts";

/** The text with each line break as a space. */
const read = (path: string) => readFileSync(path, "utf8").replaceAll("\n", " ");

describe("the notice that quotes are licensed", () => {
  it.each(["README.md", "public/llms.txt"])("is in %s", (path) => {
    expect(read(path)).toContain(QUOTE_LICENSE);
  });

  it("is in the description of OpenAPI", () => {
    const { info }: { info: { description: string } } = JSON.parse(openapiJson("optional"));
    expect(info.description).toContain(QUOTE_LICENSE);
  });

  it("names the account, the consent and API_KEYS in one paragraph of README.ja.md", () => {
    const paragraphs = readFileSync("README.ja.md", "utf8").split("\n\n");
    const words = ["OpenD のアカウント", "許諾", "取引所", "Futu または moomoo", "同意", "`API_KEYS`"];
    expect(paragraphs.filter((text) => words.every((word) => text.includes(word)))).toHaveLength(1);
  });
});
