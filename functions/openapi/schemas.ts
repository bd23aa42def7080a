import { toJsonSchema } from "@valibot/to-json-schema";
import type * as v from "valibot";
import { PROBLEMS } from "../http/problem.ts";
import { COLUMNS, type Column } from "../short-interest/columns.ts";

/** JSON Schemas (2020-12) of what is asked and answered. */

export type Schema = Readonly<Record<string, unknown>>;

/**
 * A valibot schema of input as JSON Schema.
 * @param typeMode of what it is before it is read, or after
 */
export function jsonSchemaOf(schema: v.GenericSchema, typeMode: "input" | "output" = "output"): Schema {
  // Checks that JSON Schema cannot express are left to the descriptions.
  const options = { typeMode, target: "draft-2020-12", errorMode: "ignore" } as const;
  const { $schema: _, ...json } = toJsonSchema(schema, options);
  return json;
}

const text = { type: "string" };
export const nullable = (schema: Schema): Schema => ({ oneOf: [schema, { type: "null" }] });
const COMPONENTS = "#/components/schemas/";
export const ref = (name: string): Schema => ({ $ref: COMPONENTS + name });

export function object(
  properties: Readonly<Record<string, Schema>>,
  optional: readonly string[] = [],
): Schema {
  return {
    type: "object",
    properties,
    required: Object.keys(properties).filter((name) => !optional.includes(name)),
    additionalProperties: false,
  };
}

function row(columns: readonly Column[], description: string): Schema {
  const properties = columns.map(({ name, type, meaning }) => [
    name,
    { type: [type, "null"], description: meaning },
  ]);
  return { ...object(Object.fromEntries(properties)), description };
}

const MARKET = "Where the security is listed.";
export const MARKETS = { enum: Object.keys(COLUMNS), description: MARKET };
const ROWS = { HK: "HkRow", US: "UsRow" } as const;
export const anyRow = { anyOf: [ref(ROWS.HK), ref(ROWS.US)] };
const symbol = { ...text, description: "The symbol, with a Hong Kong code padded to five digits." };
const cursor = {
  type: ["string", "null"],
  description: "Cursor of the rows that follow, as the parameter next_key; null at the end of the history.",
};

const freshness = {
  fetched_at: { type: "integer", description: "When the oldest rows were fetched, Unix time in seconds." },
  stale: {
    type: "boolean",
    description: "Whether rows are past their freshness, and no newer ones were to be had.",
  },
};
const ending = {
  complete: { type: "boolean", description: "Whether these are all rows that were asked for." },
  next_key: { ...cursor, description: "Where to go on; null where the rows are complete." },
  error: { ...nullable(ref("Problem")), description: "What stood in the way, where something did." },
  ...freshness,
};

function rowsOf(name: "HK" | "US", more: Readonly<Record<string, Schema>>): Schema {
  const items = { type: "array", items: ref(ROWS[name]) };
  return object({ symbol, market: { const: name, description: MARKET }, items, ...more });
}

/** Its market says what rows it has. */
function eitherMarket(name: string, description: string): Schema {
  const [hk, us] = [ref(`Hk${name}`), ref(`Us${name}`)];
  const mapping = { HK: hk.$ref, US: us.$ref };
  return { oneOf: [hk, us], discriminator: { propertyName: "market", mapping }, description };
}

export const SCHEMAS: Readonly<Record<string, Schema>> = {
  HkRow: row(COLUMNS.HK, "A day of a Hong Kong security. What OpenD does not know is null."),
  UsRow: row(COLUMNS.US, "A day of a US security. What OpenD does not know is null."),
  HkPage: rowsOf("HK", { next_key: cursor }),
  UsPage: rowsOf("US", { next_key: cursor }),
  Page: eitherMarket("Page", "Consecutive rows of a history, newest first."),
  HkHistory: rowsOf("HK", ending),
  UsHistory: rowsOf("US", ending),
  History: eitherMarket("History", "The rows of a range, and whether they are all."),
  HistoryEnd: { ...object(ending), description: "The last line of a history as NDJSON." },
  Latest: {
    ...object({ items: { type: "array", items: ref("LatestItem") } }),
    description: "The newest row of each symbol.",
  },
  LatestItem: {
    ...object(
      {
        symbol,
        market: MARKETS,
        latest: nullable(anyRow),
        change: nullable(
          object({
            shares: { type: "integer", description: "Shares more than in the row before." },
            percent: { type: ["number", "null"], description: "The same in percent of the row before." },
          }),
        ),
        stale: freshness.stale,
        error: nullable(ref("Problem")),
      },
      ["market"],
    ),
    description: "The newest row and its change against the row before, or what stood in the way.",
  },
  Problem: {
    ...object(
      {
        type: { ...text, format: "uri-reference", description: "Leads to an explanation of the code." },
        title: text,
        status: { type: "integer" },
        code: { enum: Object.keys(PROBLEMS), description: "Tells problems apart, and does not change." },
        detail: text,
        parameter: { ...text, description: "The parameter, or for the operator the variable, at fault." },
        retry_after: { type: "integer", minimum: 1, description: "Seconds, as in Retry-After." },
        "violated-policies": { type: "array", items: text, description: "The quotas that are used up." },
      },
      ["parameter", "retry_after", "violated-policies"],
    ),
    description: "Problem details (RFC 9457).",
  },
};

/** A page for who sees no headers. */
export const DATED_PAGE = object({
  symbol,
  market: MARKETS,
  items: { type: "array", items: anyRow },
  next_key: cursor,
  ...freshness,
});

/** The schema with each reference replaced by what it leads to, for who has no place for components. */
export function inlined(schema: Schema): Schema {
  const replaced = JSON.stringify(schema, (_, value: unknown) => {
    if (typeof value !== "object" || value === null || !("$ref" in value)) return value;
    const { discriminator: _discriminator, ...named } =
      SCHEMAS[String(value.$ref).slice(COMPONENTS.length)] ?? {};
    return named;
  });
  const parsed: Schema = JSON.parse(replaced);
  return parsed;
}
