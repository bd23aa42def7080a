import { toJsonSchema } from "@valibot/to-json-schema";
import type * as v from "valibot";
import { PROBLEMS } from "../http/problem.ts";
import { COLUMNS, type Column, FIRST_SEEN, firstSeenColumn } from "../short-interest/columns.ts";
import { MAX_SUGGESTIONS } from "../short-interest/symbol-suggestions.ts";

/** JSON Schemas (2020-12) of requests and responses. */

export type Schema = Readonly<Record<string, unknown>>;

/**
 * Converts a valibot schema to JSON Schema.
 * @param typeMode whether to describe the values before or after the schema transforms them
 */
export function jsonSchemaOf(schema: v.GenericSchema, typeMode: "input" | "output" = "output"): Schema {
  // The descriptions state the checks that JSON Schema cannot express.
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
  const properties = [...columns, firstSeenColumn(new Map())].map(({ name, type, meaning }) => [
    name,
    { type: [type, "null"], description: meaning },
  ]);
  return { ...object(Object.fromEntries(properties), [FIRST_SEEN]), description };
}

const MARKET = "Market on which the security is listed.";
export const MARKETS = { enum: Object.keys(COLUMNS), description: MARKET };
const ROWS = { HK: "HkRow", US: "UsRow" } as const;
export const anyRow = { anyOf: [ref(ROWS.HK), ref(ROWS.US)] };
const symbol = {
  ...text,
  description: "Symbol: market and code. Hong Kong codes are padded to five digits.",
};
const cursor = {
  type: ["string", "null"],
  description: "Cursor of the next (older) rows: pass it as next_key. null at the end of the history.",
};

const freshness = {
  fetched_at: {
    type: "integer",
    description:
      "When the rows were fetched from OpenD, Unix time in seconds; the earliest time if they were fetched at different times.",
  },
  stale: {
    type: "boolean",
    description:
      "Whether some rows are stale: past their freshness lifetime, or not revalidated because Redis failed.",
  },
};
const ending = {
  complete: { type: "boolean", description: "Whether the response has all requested rows." },
  next_key: { ...cursor, description: "Cursor that continues the range; null if complete." },
  error: { ...nullable(ref("Problem")), description: "Why rows are missing; null without an error." },
  ...freshness,
};

function rowsOf(name: "HK" | "US", more: Readonly<Record<string, Schema>>): Schema {
  const items = { type: "array", items: ref(ROWS[name]) };
  return object({ symbol, market: { const: name, description: MARKET }, items, ...more });
}

/** The market determines the type of the rows. */
function eitherMarket(name: string, description: string): Schema {
  const [hk, us] = [ref(`Hk${name}`), ref(`Us${name}`)];
  const mapping = { HK: hk.$ref, US: us.$ref };
  return { oneOf: [hk, us], discriminator: { propertyName: "market", mapping }, description };
}

export const SCHEMAS: Readonly<Record<string, Schema>> = {
  HkRow: row(COLUMNS.HK, "Short interest of a Hong Kong security on one day. null means unknown."),
  UsRow: row(COLUMNS.US, "Short interest of a US security on one day. null means unknown."),
  HkPage: rowsOf("HK", { next_key: cursor }),
  UsPage: rowsOf("US", { next_key: cursor }),
  Page: eitherMarket("Page", "Consecutive rows, newest first."),
  HkHistory: rowsOf("HK", ending),
  UsHistory: rowsOf("US", ending),
  History: eitherMarket("History", "The rows of a date range, and whether they are complete."),
  HistoryEnd: { ...object(ending), description: "The last line of an NDJSON history." },
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
            shares: { type: "integer", description: "Change in shares since the previous row." },
            percent: {
              type: ["number", "null"],
              description:
                "Change as a percentage of the previous row's shares: -0.79 means -0.79%. null if the previous row has 0 shares.",
            },
          }),
        ),
        stale: freshness.stale,
        error: nullable(ref("Problem")),
      },
      ["market"],
    ),
    description: "The newest row and its change since the previous row, or an error.",
  },
  Problem: {
    ...object(
      {
        type: { ...text, format: "uri-reference", description: "Explanation of the problem type." },
        title: text,
        status: { type: "integer" },
        code: { enum: Object.keys(PROBLEMS), description: "Stable error code." },
        detail: text,
        parameter: { ...text, description: "The invalid parameter or configuration variable." },
        did_you_mean: {
          type: "array",
          items: text,
          minItems: 1,
          maxItems: MAX_SUGGESTIONS,
          description:
            "Valid symbols that the invalid symbol may mean, most likely first. Only if there are any.",
        },
        retry_after: {
          type: "integer",
          minimum: 1,
          description: "Seconds until the request is likely to succeed, as in Retry-After.",
        },
        "violated-policies": { type: "array", items: text, description: "Names of the used-up quotas." },
      },
      ["parameter", "did_you_mean", "retry_after", "violated-policies"],
    ),
    description: "Problem details (RFC 9457).",
  },
};

/** A page with its age, for clients that see no headers. */
export const DATED_PAGE = object({
  symbol,
  market: MARKETS,
  items: { type: "array", items: anyRow },
  next_key: cursor,
  ...freshness,
});

/** Replaces each reference by its schema, for documents without components. */
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
