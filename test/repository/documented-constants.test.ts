import { globSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { SOCKET_LIMITS } from "../../functions/opend-server/connection.ts";
import { DEADLINES } from "../../functions/timeout.ts";
import { sectionOf, tableRowsOf } from "../support/readme.ts";

const read = (path: string) => readFileSync(path, "utf8");
const sources = globSync(["functions/**/*.ts", "web/*.ts"]).map((path) => ({
  path: path.replace("functions/", ""),
  text: read(path),
}));

/** Milliseconds of each unit in the table. */
const UNITS = new Map([
  ["ms", 1],
  ["s", 1_000],
  ["min", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
]);
/** Constants that name a unit, not a time of the program. */
const IS_UNIT = /^(SECOND|MINUTE|HOUR|DAY|WEEK)S?_M?S$/;

interface TimeConstant {
  readonly name: string;
  readonly file: string;
  /** Undefined if it has several values. */
  readonly ms: number | undefined;
}

/** Each constant of a file whose name ends in _MS or _S. */
function timeConstantsOf({ path, text }: { path: string; text: string }): TimeConstant[] {
  const definitions = new Map(
    [...text.matchAll(/^(?:export )?const ([A-Z_]+)(?::[^=]+)? = ([^;{]+);/gm)].map(([, name, value]) => [
      name,
      value,
    ]),
  );
  const evaluate = (expression: string): number => {
    const [first = "", ...rest] = expression.split(/ (?=[*/] )/);
    return rest.reduce((product, factor) => {
      const value = valueOfTerm(factor.slice(2));
      return factor.startsWith("/") ? product / value : product * value;
    }, valueOfTerm(first));
  };
  const valueOfTerm = (term: string): number => {
    if (/^[\d_]+$/.test(term)) return Number(term.replaceAll("_", ""));
    const definition = definitions.get(term);
    if (definition === undefined) throw new Error(`${term} is not defined in ${path}`);
    return evaluate(definition);
  };
  const names = [...text.matchAll(/^(?:export )?const ([A-Z_]+_(M?S))\b/gm)];
  return names.flatMap(([, name = "", unit]) => {
    if (IS_UNIT.test(name)) return [];
    const expression = definitions.get(name);
    const ms = expression === undefined ? undefined : evaluate(expression) * (unit === "S" ? 1_000 : 1);
    return [{ name, file: path, ms }];
  });
}

const msOf = (members: Readonly<Record<string, number>>, object: string, file: string): TimeConstant[] =>
  Object.entries(members).map(([member, ms]) => ({ name: `${object}.${member}`, file, ms }));
const isTime = ([limit]: [string, number]) => limit.endsWith("Ms");

describe("docs/architecture.md", () => {
  const section = sectionOf(read("docs/architecture.md"), "## Time constants");
  const constants = [
    ...sources.flatMap(timeConstantsOf),
    ...msOf(DEADLINES, "DEADLINES", "timeout.ts"),
    ...msOf(
      Object.fromEntries(Object.entries(SOCKET_LIMITS).filter(isTime)),
      "SOCKET_LIMITS",
      "opend-server/connection.ts",
    ),
  ];
  const rows = new Map(
    tableRowsOf(section).map(([name = "", ...cells]) => [name.replaceAll("`", ""), cells]),
  );

  it("has a row for each time constant of functions/ and web/, with its file", () => {
    expect(constants.length).toBeGreaterThan(50);
    const missing = constants.filter(({ name, file }) => {
      const row = rows.get(name);
      return row === undefined || !(file === "page-source/freshness.ts" || row[0] === `\`${file}\``);
    });
    expect(missing).toEqual([]);
  });

  it.each(constants.filter(({ ms }) => ms !== undefined))("has the value of $name", ({ name, ms }) => {
    const values = (rows.get(name) ?? []).flatMap((cell) => {
      const [, count, unit = ""] = /^(\d+) (\w+)$/.exec(cell) ?? [];
      const unitMs = UNITS.get(unit);
      return unitMs === undefined ? [] : [Number(count) * unitMs];
    });
    expect(values).toEqual([ms]);
  });

  it("has no row for a constant that does not exist", () => {
    const known = new Set(constants.map(({ name }) => name));
    const texts = [...sources.map(({ text }) => text), read("wrangler.toml")].join();
    const unknown = [...rows.keys()].filter(
      (name) => !known.has(name) && !/^(Constant|-+)$/.test(name) && !texts.includes(name),
    );
    expect(unknown).toEqual([]);
  });
});

describe("docs/storage.md", () => {
  /** The Redis keys in the sources, cut where a variable part begins. */
  const keys = new Set(
    [
      ...sources,
      { path: "scripts/doctor", text: globSync("scripts/doctor/*.ts").map(read).join("\n") },
    ].flatMap(({ text }) => {
      const strings = new Map(
        [...text.matchAll(/^(?:export )?const (\w+) = (?:"([^"]*)"|`([^`\n]*)`);/gm)].map(
          ([, name, plain, template]) => [name, plain ?? template ?? ""],
        ),
      );
      const resolve = (key: string): string =>
        key.replace(/\$\{(\w+)\}/g, (whole, name) => {
          const value = strings.get(name);
          return value === undefined ? whole : resolve(value);
        });
      const literals = [...text.matchAll(/"([^"\n]*)"|`([^`\n]*)`/g)].map(
        ([, plain, template]) => plain ?? template ?? "",
      );
      // The limiter appends to the key of its log.
      const logs = literals.map((literal) => literal.replace(/^\$\{log\}:/, "short-interest:permits:"));
      return logs.map((literal) => resolve(literal).split("${")[0] ?? "");
    }),
  );
  const used = [...keys].filter((key) => /^short-interest:[\w:-]+$/.test(key));
  const documented = tableRowsOf(read("docs/storage.md")).flatMap(([cell = ""]) => {
    const [, key] = /^`(short-interest:[^`{]+)/.exec(cell) ?? [];
    return key === undefined ? [] : [key];
  });

  it("has a row for each Redis key of functions/", () => {
    expect(used.length).toBeGreaterThan(15);
    expect(used.filter((key) => !documented.some((known) => known.startsWith(key)))).toEqual([]);
  });

  it("has no row for a key that is not used", () => {
    expect(documented.filter((key) => !keys.has(key))).toEqual([]);
  });
});
