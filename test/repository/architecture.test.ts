import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";

/** The modules of `functions/`, upper layers first, and the modules that each one imports. */
const MODULES: Readonly<Record<string, readonly string[]>> = {
  "index.ts": ["app.ts", "webhooks", "telemetry"],
  "app.ts": ["mcp", "opend-server", "openapi", "routes", "middleware", "http"],
  mcp: ["openapi", "middleware", "page-source", "http", "short-interest", "errors.ts"],
  "opend-server": [
    "middleware",
    "page-source",
    "telemetry",
    "opend",
    "http",
    "short-interest",
    "errors.ts",
    "gen",
  ],
  openapi: ["middleware", "webhooks", "env.ts", "http", "short-interest", "errors.ts"],
  routes: [
    "middleware",
    "webhooks",
    "page-source",
    "telemetry",
    "rate-limit",
    "opend",
    "http",
    "short-interest",
    "upstash.ts",
    "timeout.ts",
    "errors.ts",
  ],
  middleware: ["page-source", "telemetry", "env.ts", "http", "errors.ts", "timeout.ts"],
  webhooks: [
    "page-source",
    "telemetry",
    "env.ts",
    "http",
    "short-interest",
    "upstash.ts",
    "timeout.ts",
    "errors.ts",
  ],
  "page-source": [
    "telemetry",
    "env.ts",
    "rate-limit",
    "opend",
    "http",
    "short-interest",
    "upstash.ts",
    "timeout.ts",
    "errors.ts",
  ],
  telemetry: ["upstash.ts", "timeout.ts", "errors.ts"],
  "env.ts": ["opend", "http", "upstash.ts", "errors.ts"],
  "rate-limit": ["upstash.ts", "timeout.ts", "errors.ts"],
  opend: ["short-interest", "timeout.ts", "errors.ts", "gen"],
  http: ["short-interest", "errors.ts"],
  "short-interest": ["errors.ts", "gen"],
  "upstash.ts": ["timeout.ts", "errors.ts"],
  "timeout.ts": ["errors.ts"],
  "errors.ts": [],
  gen: [],
};

/** The packages that ship to the edge, and the modules that import them. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  hono: ["app.ts", "middleware", "http", "opend-server"],
  valibot: [
    "env.ts",
    "routes",
    "mcp",
    "openapi",
    "upstash.ts",
    "rate-limit",
    "page-source",
    "telemetry",
    "webhooks",
    "middleware",
    "http",
  ],
  "@valibot/to-json-schema": ["openapi"],
  "@bufbuild/protobuf": ["opend", "short-interest", "opend-server"],
  "@upstash/ratelimit": ["rate-limit"],
  "@upstash/redis": ["upstash.ts", "rate-limit"],
};

const MAX_MODULES = 18;
const MAX_LINES = 300;

/** Modules without side effects: they reach nothing outside themselves. */
const PURE = ["short-interest", "errors.ts"];
const SIDE_EFFECT = /\b(fetch|caches|setTimeout|setInterval|WebSocket|Date\.now|Math\.random|console)\b/;

const files = globSync("functions/**/*.ts").map((path) => ({ path, text: readFileSync(path, "utf8") }));
const moduleOf = (path: string) => (path.startsWith("gen/") ? "gen" : (path.split("/")[1] ?? ""));

/** Every import: the module that imports, and the module or package that it imports. */
const imports = files.flatMap(({ path, text }) =>
  [...text.matchAll(/(?:from|import) "([^"]+)"|import\("([^"]+)"\)/g)].map(([, imported, dynamic]) => {
    const specifier = imported ?? dynamic ?? "";
    const target = specifier.startsWith(".") ? join(dirname(path), specifier) : undefined;
    return { path, target, from: moduleOf(path), to: target === undefined ? specifier : moduleOf(target) };
  }),
);
const isPackage = (to: string) => !(to in MODULES);
const packageOf = (to: string) => /^(@[^/]+\/)?[^/]+/.exec(to)?.[0] ?? to;

describe("modules of functions/", () => {
  it(`are those of the table, and ${MAX_MODULES} at most`, () => {
    const modules = new Set(files.map(({ path }) => moduleOf(path)));
    expect(modules).toEqual(new Set(Object.keys(MODULES).filter((name) => name !== "gen")));
    expect(modules.size).toBeLessThanOrEqual(MAX_MODULES);
  });

  it.each(Object.entries(MODULES))("%s imports exactly the modules of the table", (name, allowed) => {
    const actual = imports.filter(({ from, to }) => from === name && to !== name && !isPackage(to));
    expect(new Set(actual.map(({ to }) => to))).toEqual(new Set(allowed));
  });

  it("import only modules of lower layers", () => {
    const order = Object.keys(MODULES);
    const upwards = Object.entries(MODULES).flatMap(([name, allowed]) =>
      allowed
        .filter((other) => order.indexOf(other) <= order.indexOf(name))
        .map((other) => `${name} → ${other}`),
    );
    expect(upwards).toEqual([]);
  });

  it("import exactly the packages of the table", () => {
    const ofPackages = imports.filter(({ to }) => isPackage(to));
    const actual = [...Map.groupBy(ofPackages, ({ to }) => packageOf(to))].map(([name, all]) => [
      name,
      new Set(all.map(({ from }) => from)),
    ]);
    const allowed = Object.entries(PACKAGES).map(([name, modules]) => [name, new Set(modules)]);
    expect(Object.fromEntries(actual)).toEqual(Object.fromEntries(allowed));
  });

  it("read OpenD's own texts only for the log", () => {
    const mentioning = (word: RegExp) =>
      files.filter(({ text }) => word.test(text)).map(({ path }) => path.replace("functions/", ""));
    expect(mentioning(/\bopendReply\b/).sort()).toEqual([
      "errors.ts",
      "opend/errors.ts",
      "opend/operator-text.ts",
    ]);
    expect(mentioning(/\bopendTexts\b/).sort()).toEqual([
      "telemetry/log-line.ts",
      "telemetry/request-stats.ts",
    ]);
    expect(mentioning(/\boperatorTextOf\b/).sort()).toEqual([
      "opend/operator-text.ts",
      "page-source/create-page-source.ts",
      "routes/readiness.ts",
    ]);
  });

  it.each(PURE)("%s has no side effects", (name) => {
    for (const { path, text } of files.filter((file) => moduleOf(file.path) === name)) {
      const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, "");
      expect(SIDE_EFFECT.exec(code)?.[0], path).toBeUndefined();
    }
  });
});

describe("files", () => {
  it("of functions/ form no import cycle", () => {
    const targets = Map.groupBy(imports, ({ path }) => path);
    const visited = new Set<string>();
    const cycles: string[] = [];
    const visit = (path: string, trail: readonly string[]) => {
      if (trail.includes(path)) cycles.push([...trail.slice(trail.indexOf(path)), path].join(" → "));
      if (visited.has(path)) return;
      visited.add(path);
      for (const { target } of targets.get(path) ?? []) {
        if (target?.startsWith("functions/")) visit(target, [...trail, path]);
      }
    };
    for (const { path } of files) visit(path, []);
    expect(cycles).toEqual([]);
  });

  it(`have at most ${MAX_LINES} lines`, () => {
    const written = globSync("{functions,scripts,test,web}/**/*.{ts,css,html}").filter(
      (path) => !path.includes("node_modules") && !path.includes("/generated/"),
    );
    const long = written.filter((path) => readFileSync(path, "utf8").split("\n").length > MAX_LINES + 1);
    expect(long).toEqual([]);
  });
});
