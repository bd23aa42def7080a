import * as v from "valibot";
import { Failure } from "../failure.ts";
import { problemOf } from "../http/problem.ts";
import { inlined, jsonSchemaOf, ref, type Schema } from "../openapi/schemas.ts";
import { gather, walk } from "../pages/history.ts";
import type { PageSource } from "../pages/source.ts";
import { latest } from "../routes/latest.ts";
import {
  checkRange,
  from,
  nextKey,
  order,
  parseInput,
  rowCount,
  symbolList,
  symbolText,
  to,
} from "../routes/parameters.ts";
import { pageRecord, rowsRecord, stringify } from "../short-interest/json.ts";
import { FIRST } from "../short-interest/page.ts";
import { parseSymbol } from "../short-interest/symbol.ts";

/** What a program that thinks can ask for: the routes, as tools. */

/** More rows than this are too many to read at once. */
const MOST_ROWS_READ = 500;
/** A caller waits less long than one of HTTP, in milliseconds. */
const PATIENCE_MS = 10_000;

export interface Tool {
  /** What `tools/list` tells of it. */
  readonly listed: { readonly name: string; readonly [member: string]: unknown };
  /** @throws Failure */
  readonly run: (input: unknown, pages: PageSource) => Promise<object>;
}

function tool<const Input extends v.GenericSchema>(
  about: { readonly name: string; readonly title: string; readonly description: string },
  input: Input,
  output: Schema,
  run: (input: v.InferOutput<Input>, pages: PageSource) => Promise<object>,
): Tool {
  return {
    listed: {
      ...about,
      inputSchema: jsonSchemaOf(input),
      outputSchema: { type: "object", ...inlined(output) },
      annotations: { readOnlyHint: true, idempotentHint: true, openWorldHint: false },
    },
    run: (given, pages) => run(parseInput(input, given), pages),
  };
}

const SOURCE = "Short interest of Hong Kong securities is published weekly, of US securities twice a month.";

const NO_OTHER = "There is no such argument";

const getShortInterest = tool(
  {
    name: "get_short_interest",
    title: "Short interest",
    description: `The newest rows of one stock's or fund's short interest, newest first, or the rows before an answer's next_key. ${SOURCE}`,
  },
  v.strictObject(
    { symbol: symbolText, num: v.optional(rowCount, 10), next_key: v.optional(nextKey) },
    NO_OTHER,
  ),
  ref("Page"),
  async ({ symbol: text, num, next_key }, pages) => {
    const symbol = parseSymbol(text);
    const { page } = await pages.page(symbol, next_key ?? FIRST, num);
    return pageRecord(symbol, page);
  },
);

const getHistory = tool(
  {
    name: "get_short_interest_history",
    title: "History of short interest",
    description: `All rows of one stock's or fund's short interest between two days. Where complete is false, ask again with next_key. ${SOURCE}`,
  },
  v.strictObject(
    {
      symbol: symbolText,
      from: v.optional(from),
      to: v.optional(to),
      order: v.optional(order, "desc"),
      next_key: v.optional(nextKey),
    },
    NO_OTHER,
  ),
  ref("History"),
  async (input, pages) => {
    const symbol = parseSymbol(input.symbol);
    checkRange(input);
    const stretch = { symbol, from: input.from, to: input.to, cursor: input.next_key ?? FIRST };
    const patience = { ms: PATIENCE_MS, signal: new AbortController().signal };
    const { rows, end } = await gather(walk(pages, stretch, patience), MOST_ROWS_READ);
    const { next, failure } = end;
    const ordered = input.order === "asc" ? rows.reverse() : rows;
    const error = failure ? problemOf(failure) : null;
    return { ...rowsRecord(symbol, ordered), complete: next === null, next_key: next, error };
  },
);

const compareShortInterest = tool(
  {
    name: "compare_short_interest",
    title: "Short interest compared",
    description: `The newest row of each of several stocks or funds, and its change in shares and percent against the row before. ${SOURCE}`,
  },
  v.strictObject({ symbols: symbolList }, NO_OTHER),
  ref("Latest"),
  async ({ symbols }, pages) => {
    const found = await Promise.all([...new Set(symbols)].map((symbol) => latest(pages, symbol)));
    return { items: found.map(({ item }) => item) };
  },
);

export const TOOLS: readonly Tool[] = [getShortInterest, getHistory, compareShortInterest];

/** Calls a tool. What fails is a result as well, so that whoever asked can read why and do better. */
export async function callTool(name: string, input: unknown, pages: PageSource): Promise<object> {
  try {
    const found = TOOLS.find(({ listed }) => listed.name === name);
    if (!found) throw new Failure("not_found", "There is no such tool");
    const result = await found.run(input, pages);
    return { content: [{ type: "text", text: stringify(result) }], structuredContent: result };
  } catch (thrown) {
    if (!(thrown instanceof Failure)) throw thrown;
    return { content: [{ type: "text", text: stringify(problemOf(thrown)) }], isError: true };
  }
}
