import * as v from "valibot";
import { Failure } from "../errors.ts";
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
} from "../http/parameters.ts";
import { problemOf } from "../http/problem.ts";
import { DATED_PAGE, inlined, jsonSchemaOf, ref, type Schema } from "../openapi/schemas.ts";
import { collect, walk } from "../page-source/history.ts";
import { latestOf } from "../page-source/latest.ts";
import type { PageSource } from "../page-source/source.ts";
import { pageRecord, rowsRecord, stringify } from "../short-interest/json.ts";
import { FIRST } from "../short-interest/page.ts";
import { ending } from "../short-interest/series.ts";
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
  DATED_PAGE,
  async ({ symbol: text, num, next_key }, pages) => {
    const symbol = parseSymbol(text);
    const { page, fetchedAt, stale } = await pages.page(symbol, next_key ?? FIRST, num);
    const fetched_at = Math.floor(fetchedAt / 1_000);
    return { ...pageRecord(symbol, page), fetched_at, stale: stale !== undefined };
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
    const patience = { maxWaitMs: PATIENCE_MS, signal: new AbortController().signal };
    const { rows, end, freshness } = await collect(walk(pages, stretch, patience), MOST_ROWS_READ);
    const { next, failure } = end;
    if (input.order === "asc" && next !== null) throw failure ?? tooMany();
    const error = failure && problemOf(failure);
    const ordered = input.order === "asc" ? rows.reverse() : rows;
    return { ...rowsRecord(symbol, ordered), ...ending({ next, error, ...freshness }) };
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
    return { items: (await latestOf(pages, symbols)).map(({ item }) => item) };
  },
);

function tooMany(): Failure {
  const most = `More than ${MOST_ROWS_READ} rows cannot be sent oldest first; let from be later`;
  return new Failure("invalid_parameter", most, { parameter: "from" });
}

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
