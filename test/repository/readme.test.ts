import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { VARIABLE_NAMES } from "../../functions/env.ts";
import { PROBLEMS } from "../../functions/http/problem.ts";
import { openapiJson } from "../../functions/openapi/document.ts";
import { GAUGES } from "../../functions/routes/metrics.ts";
import { COUNTERS } from "../../functions/telemetry/counters.ts";
import {
  blocksOf,
  DOCUMENTS,
  documentedProblems,
  proseOf,
  sectionOf,
  tableRowsOf,
} from "../support/readme.ts";

const SOURCES = globSync(["{functions,scripts,test,web}/**/*.ts", "examples/*/*.ts"]);
const read = (path: string) => readFileSync(path, "utf8");
const ALL = [...DOCUMENTS, "README.ja.md"];

describe("names", () => {
  const { paths }: { paths: Record<string, object> } = JSON.parse(openapiJson("optional"));
  const guides = ["README.md", ...globSync("docs/*.md")].map(read).join();
  const firstCells = (path: string, heading: string) =>
    tableRowsOf(sectionOf(read(path), heading)).flatMap(([cell = ""]) =>
      [...cell.matchAll(/`(\w+)[`{]/g)].map(([, name = ""]) => name),
    );

  it("of variables in docs/deploy.md are those of functions/env.ts", () => {
    expect(firstCells("docs/deploy.md", "## Variables").sort()).toEqual(VARIABLE_NAMES.toSorted());
  });

  it("and statuses of errors in docs/api.md are those of functions/http/problem.ts", async () => {
    const problems = Object.entries(PROBLEMS).map(([code, { status }]) => [code, status] as const);
    expect(await documentedProblems()).toEqual(new Map(problems));
  });

  it("of metrics in docs/operations.md are those of /metrics", () => {
    const metrics = Object.keys({ ...COUNTERS, ...GAUGES }).map((name) => `short_interest_${name}`);
    expect(firstCells("docs/operations.md", "## Metrics").sort()).toEqual(metrics.sort());
  });

  it("of routes in README.md or docs/ include those of /openapi.json", () => {
    expect(Object.keys(paths).filter((path) => !guides.includes(path))).toEqual([]);
  });

  it("of exit codes in docs/operations.md are those of the doctor", () => {
    const sources = globSync("scripts/{doctor.ts,doctor/**/*.ts}").map(read).join();
    const exits = [...sources.matchAll(/\bexit: (\d+)/g)].map(([, exit]) => exit);
    const rows = tableRowsOf(sectionOf(read("docs/operations.md"), "## Doctor"));
    const documented = rows.flatMap(([cell = ""]) => (/^\d\d$/.test(cell) ? [cell] : []));
    expect(documented.sort()).toEqual(exits.sort());
  });
});

describe.each(ALL)("%s", (path) => {
  const text = read(path);

  it("links only to files and headings that exist", () => {
    const links = [...proseOf(text).matchAll(/\]\(([^)]+)\)/g)].map(([, target = ""]) => target);
    const broken = links
      .filter((target) => !target.includes("://"))
      .filter((target) => {
        const [file = "", anchor] = target.split("#");
        const linked = file === "" ? path : join(dirname(path), file);
        return !existsSync(linked) || (anchor !== undefined && !anchorsOf(read(linked)).includes(anchor));
      });
    expect(broken).toEqual([]);
  });

  it("names only npm scripts of package.json", () => {
    const { scripts }: { scripts: Record<string, string> } = JSON.parse(read("package.json"));
    const named = [...text.matchAll(/npm (?:run )?(test\b[\w:]*|(?<=run )(?:-s )?[\w:]+)/g)].map(
      ([, name = ""]) => name.replace("-s ", ""),
    );
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });

  it("names only files that exist", () => {
    const prose = proseOf(text);
    const files = [
      ...prose.matchAll(/`((?:examples|functions|test|scripts|web|public|docs|proto)\/[\w./-]+)`/g),
    ];
    const missing = files.map(([, file = ""]) => file).filter((file) => !existsSync(file));
    // A file may be named without the folders above it.
    const modules = [...prose.matchAll(/`([\w/-]+(?:\.test)?\.ts)`/g)].map(([, file = ""]) => file);
    missing.push(...modules.filter((file) => !SOURCES.some((path) => `/${path}`.endsWith(`/${file}`))));
    // Recipes name files to create.
    expect(missing.filter((file) => !/NAME|tsv|\/generated\/|screenshots/.test(file))).toEqual([]);
  });
});

/** The anchors that GitHub gives to headings. */
function anchorsOf(markdown: string): string[] {
  const headings = [...proseOf(markdown).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) => heading);
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\p{M} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

describe("README.ja.md without its own sections has the same as README.md:", () => {
  /** Sections for Japanese readers only. */
  const OWN_SECTIONS = [
    "## 目次",
    "## データの更新時期",
    "## 公式クライアント（SDK）",
    "## 免責事項とデータの利用条件",
  ];
  const english = skeletonOf(read("README.md"));
  const japanese = skeletonOf(
    OWN_SECTIONS.reduce((text, heading) => {
      return text.replace(`${heading}\n${sectionOf(text, heading)}`, "");
    }, read("README.ja.md")),
  );

  it.each(["blocks", "codes", "headings", "tables", "links", "listItems"] as const)("%s", (part) => {
    expect(japanese[part]).toEqual(english[part]);
  });
});

/** All of a README except its sentences. */
function skeletonOf(text: string) {
  const prose = proseOf(text);
  const links = [...prose.matchAll(/\]\(([^)]+)\)/g)].map(([, target]) => target);
  return {
    blocks: blocksOf(text),
    /** Commands, routes, variables, headers, columns: each code span. */
    codes: new Set([...prose.matchAll(/`([^`\n]+)`/g)].map(([, code]) => code)),
    headings: [...prose.matchAll(/^(#+) /gm)].map(([, level]) => level),
    links: new Set(links.filter((target) => !/^README/.test(target ?? ""))),
    listItems: [...prose.matchAll(/^(?:-|\d\.) /gm)].map(([marker]) => marker),
    /** How many rows and cells each table has. */
    tables: [...prose.matchAll(/(?:^ *\|.*\n)+/gm)].map(([table]) => table.match(/(?<!\\)\|/g)?.length),
  };
}
