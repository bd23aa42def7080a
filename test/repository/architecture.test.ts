import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";

/**
 * The rooms of `functions/`, the upper ones first, and what each imports of the others. Each imports only what is
 * below it, so nothing goes round in circles.
 */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  "index.ts": ["app.ts", "jobs.ts"],
  "app.ts": [
    "mcp",
    "socket",
    "openapi",
    "routes",
    "middleware.ts",
    "scope.ts",
    "env.ts",
    "http",
    "failure.ts",
  ],
  "jobs.ts": [
    "gateway.ts",
    "env.ts",
    "telemetry",
    "webhooks",
    "http",
    "upstash.ts",
    "deadline.ts",
    "trace.ts",
    "failure.ts",
  ],
  mcp: ["openapi", "routes", "scope.ts", "pages", "short-interest", "http", "failure.ts"],
  socket: [
    "routes",
    "scope.ts",
    "gateway.ts",
    "telemetry",
    "pages",
    "opend",
    "short-interest",
    "http",
    "trace.ts",
    "failure.ts",
    "gen",
  ],
  openapi: ["routes", "webhooks", "short-interest", "http", "failure.ts"],
  routes: [
    "condition.ts",
    "scope.ts",
    "telemetry",
    "webhooks",
    "pages",
    "short-interest",
    "http",
    "upstash.ts",
    "deadline.ts",
    "failure.ts",
  ],
  "middleware.ts": ["scope.ts", "gateway.ts", "env.ts", "telemetry", "http", "trace.ts", "failure.ts"],
  "scope.ts": ["env.ts", "pages", "trace.ts", "failure.ts"],
  "gateway.ts": [
    "env.ts",
    "pages",
    "limit",
    "short-interest",
    "upstash.ts",
    "deadline.ts",
    "trace.ts",
    "failure.ts",
  ],
  "condition.ts": [
    "env.ts",
    "telemetry",
    "webhooks",
    "pages",
    "limit",
    "opend",
    "upstash.ts",
    "deadline.ts",
    "trace.ts",
    "failure.ts",
  ],
  "env.ts": ["webhooks", "opend", "http", "upstash.ts", "failure.ts"],
  telemetry: ["upstash.ts", "deadline.ts", "trace.ts", "failure.ts"],
  webhooks: ["pages", "short-interest", "upstash.ts", "deadline.ts", "failure.ts"],
  pages: ["limit", "opend", "short-interest", "upstash.ts", "deadline.ts", "trace.ts", "failure.ts"],
  limit: ["upstash.ts", "failure.ts"],
  opend: ["short-interest", "deadline.ts", "failure.ts", "gen"],
  "short-interest": ["failure.ts", "gen"],
  http: ["failure.ts"],
  "upstash.ts": ["deadline.ts", "failure.ts"],
  "deadline.ts": ["failure.ts"],
  "trace.ts": ["failure.ts"],
  "failure.ts": [],
  gen: [],
};

/** The packages that go to the edge, and who may know them. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  hono: ["app.ts", "middleware.ts", "scope.ts", "http"],
  valibot: ["env.ts", "routes", "mcp", "openapi", "upstash.ts", "limit", "pages", "telemetry", "webhooks"],
  "@valibot/to-json-schema": ["openapi"],
  "@bufbuild/protobuf": ["opend", "short-interest", "socket"],
  "@upstash/ratelimit": ["limit"],
  "@upstash/redis": ["upstash.ts", "limit"],
};

/** Rooms that only think: what they are given they turn into something else. */
const PURE = ["short-interest", "trace.ts", "failure.ts"];
const OUTSIDE = /\b(fetch|caches|setTimeout|setInterval|WebSocket|Date\.now|Math\.random|console)\b/;

const files = globSync("functions/**/*.ts").map((path) => ({ path, text: readFileSync(path, "utf8") }));
const roomOf = (path: string) => (path.startsWith("gen/") ? "gen" : (path.split("/")[1] ?? ""));

/** Everything that rooms import: of whom, and by whom. */
const imports = files.flatMap(({ path, text }) =>
  [...text.matchAll(/(?:from|import) "([^"]+)"|import\("([^"]+)"\)/g)].map(([, named, called]) => {
    const from = named ?? called ?? "";
    return {
      budget: roomOf(path),
      of: from.startsWith(".") ? roomOf(join(dirname(path), from)) : from,
      path,
    };
  }),
);
const isPackage = (of: string) => !(of in ROOMS);
const packageOf = (of: string) => /^(@[^/]+\/)?[^/]+/.exec(of)?.[0] ?? of;

describe("a room", () => {
  it("is one of those that there are", () => {
    expect(new Set(files.map(({ path }) => roomOf(path)))).toEqual(
      new Set(Object.keys(ROOMS).filter((budget) => budget !== "gen")),
    );
  });

  it.each(Object.entries(ROOMS))(
    "%s imports of the others what it may, all of it, and nothing else",
    (budget, may) => {
      const does = imports.filter(
        (each) => each.budget === budget && each.of !== budget && !isPackage(each.of),
      );
      expect(new Set(does.map(({ of }) => of))).toEqual(new Set(may));
    },
  );

  it("imports no room above its own", () => {
    const order = Object.keys(ROOMS);
    const upwards = Object.entries(ROOMS).flatMap(([budget, may]) =>
      may
        .filter((other) => order.indexOf(other) <= order.indexOf(budget))
        .map((other) => `${budget} → ${other}`),
    );
    expect(upwards).toEqual([]);
  });

  it("knows a package only where it is said so", () => {
    const ofPackages = imports.filter(({ of }) => isPackage(of));
    const known = [...Map.groupBy(ofPackages, ({ of }) => packageOf(of))].map(([name, all]) => [
      name,
      new Set(all.map(({ budget }) => budget)),
    ]);
    const allowed = Object.entries(PACKAGES).map(([name, rooms]) => [name, new Set(rooms)]);
    expect(Object.fromEntries(known)).toEqual(Object.fromEntries(allowed));
  });

  it.each(PURE)("%s reaches nothing outside itself", (budget) => {
    for (const { path, text } of files.filter((each) => roomOf(each.path) === budget)) {
      const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, "");
      expect(OUTSIDE.exec(code)?.[0], path).toBeUndefined();
    }
  });
});

describe("a file", () => {
  it("has 300 lines at most", () => {
    const written = globSync("{functions,scripts,test,web}/**/*.{ts,css,html}").filter(
      (path) => !path.includes("node_modules") && !path.includes("/generated/"),
    );
    const long = written.filter((path) => readFileSync(path, "utf8").split("\n").length > 301);
    expect(long).toEqual([]);
  });
});
