import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { VARIABLE_NAMES } from "../../functions/env.ts";
import { PROBLEMS } from "../../functions/http/problem.ts";
import { openapiJson } from "../../functions/openapi/document.ts";
import { GAUGES } from "../../functions/routes/metrics.ts";
import { COUNTERS } from "../../functions/telemetry/counters.ts";

const BLOCK = /^ *```(\w+)\n([\s\S]*?)^ *```$/gm;

/** A README, without what is prose. */
function skeletonOf(path: string) {
  const text = readFileSync(path, "utf8");
  const prose = text.replace(BLOCK, "");
  return {
    text,
    blocks: [...text.matchAll(BLOCK)].map(([, language, block]) => `${language}\n${block}`),
    /** Commands, routes, variables, headers, codes: all that is set in code. */
    codes: new Set([...prose.matchAll(/`([^`\n]+)`/g)].map(([, code]) => code)),
    headings: [...prose.matchAll(/^(#+) /gm)].map(([, level]) => level),
    links: new Set([...prose.matchAll(/\]\(([^)]+)\)/g)].map(([, target]) => target)),
    /** How many rows and cells each table has. */
    tables: [...prose.matchAll(/(?:^ *\|.*\n)+/gm)].map(([table]) => table.match(/(?<!\\)\|/g)?.length),
  };
}

const english = skeletonOf("README.md");
const japanese = skeletonOf("README.ja.md");

describe("the README", () => {
  const { paths }: { paths: Record<string, object> } = JSON.parse(openapiJson());
  it.each([
    ["variable", VARIABLE_NAMES],
    ["error code", Object.keys(PROBLEMS)],
    ["metric", Object.keys({ ...COUNTERS, ...GAUGES }).map((name) => `short_interest_${name}`)],
    ["route", Object.keys(paths)],
  ])("has each %s", (_, names) => {
    expect(names.filter((name) => !english.text.includes(name))).toEqual([]);
  });

  it("leads to files that are there", () => {
    const files = [...english.links].filter((target) => !target?.includes("://"));
    expect(files.filter((file) => file === undefined || !existsSync(file))).toEqual([]);
  });

  it("names only scripts that there are", () => {
    const { scripts }: { scripts: Record<string, string> } = JSON.parse(readFileSync("package.json", "utf8"));
    for (const { text } of [english, japanese]) {
      const named = [...text.matchAll(/npm (?:run )?(test\b[\w:]*|(?<=run )[\w:]+)/g)].map(
        ([, name = ""]) => name,
      );
      expect(named.length).toBeGreaterThan(0);
      expect(named.filter((name) => !(name in scripts))).toEqual([]);
    }
  });
});

describe("the Japanese README shows the same", () => {
  it.each(["blocks", "codes", "headings", "tables"] as const)("%s", (part) => {
    expect(japanese[part]).toEqual(english[part]);
  });

  it("links, but for the one to each other", () => {
    const others = ({ links }: typeof english) =>
      new Set([...links].filter((target) => !/^README/.test(target ?? "")));
    expect(others(japanese)).toEqual(others(english));
  });
});
