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
import type { PageSource } from "../page-source/page-source.ts";
import { rowsObject, stringify } from "../short-interest/json.ts";
import { FIRST_CURSOR } from "../short-interest/page.ts";
import { trailer } from "../short-interest/series.ts";
import { parseSymbol } from "../short-interest/symbol.ts";

/** The MCP tools: one for each data route. */

/** Limits how much of a model's context one result fills. */
const MAX_TOOL_ROWS = 500;
/** How long a history waits for OpenD's rate limit, in milliseconds. MCP clients time out earlier than HTTP clients. */
const MCP_QUOTA_WAIT_MS = 10_000;

export interface Tool {
  /** The tool as `tools/list` returns it. */
  readonly listed: { readonly name: string; readonly [member: string]: unknown };
  /** @throws Failure */
  readonly run: (input: unknown, pages: PageSource) => Promise<object>;
}

function tool<const Input extends v.GenericSchema>(
  info: { readonly name: string; readonly title: string; readonly description: string },
  input: Input,
  output: Schema,
  run: (input: v.InferOutput<Input>, pages: PageSource) => Promise<object>,
): Tool {
  return {
    listed: {
      ...info,
      inputSchema: jsonSchemaOf(input),
      outputSchema: { type: "object", ...inlined(output) },
      annotations: { readOnlyHint: true, idempotentHint: true, openWorldHint: false },
    },
    run: (args, pages) => run(parseInput(input, args), pages),
  };
}

const SCHEDULE = "Hong Kong short interest is published weekly, US short interest twice a month.";

const UNKNOWN_ARGUMENT = "Unknown argument";

const getShortInterest = tool(
  {
    name: "get_short_interest",
    title: "Short interest",
    description: `Returns the newest rows of short interest of one stock or fund, newest first (num: 1 to 50 rows, default 10). Use it for the current value or the recent trend. Pass next_key from a result to get older rows; next_key is null at the end of the history. ${SCHEDULE}`,
  },
  v.strictObject(
    { symbol: symbolText, num: v.optional(rowCount, 10), next_key: v.optional(nextKey) },
    UNKNOWN_ARGUMENT,
  ),
  DATED_PAGE,
  async ({ symbol: text, num, next_key }, pages) => {
    const symbol = parseSymbol(text);
    const { page, fetchedAt, staleReason } = await pages.page(symbol, next_key ?? FIRST_CURSOR, num);
    const fetched_at = Math.floor(fetchedAt / 1_000);
    const stale = staleReason !== undefined;
    return { ...rowsObject(symbol, page.rows), next_key: page.next, fetched_at, stale };
  },
);

const getHistory = tool(
  {
    name: "get_short_interest_history",
    title: "Short interest history",
    description: `Returns the rows of short interest of one stock or fund between two dates (from and to are inclusive, as YYYY-MM-DD; without them, the full history). Use it for long-term trends. A result has about ${MAX_TOOL_ROWS} rows at most: if complete is false, call again with its next_key to continue. order asc (oldest first) fails if the range does not fit into one result. ${SCHEDULE}`,
  },
  v.strictObject(
    {
      symbol: symbolText,
      from: v.optional(from),
      to: v.optional(to),
      order: v.optional(order, "desc"),
      next_key: v.optional(nextKey),
    },
    UNKNOWN_ARGUMENT,
  ),
  ref("History"),
  async (input, pages) => {
    const symbol = parseSymbol(input.symbol);
    checkRange(input);
    const range = { symbol, from: input.from, to: input.to, cursor: input.next_key ?? FIRST_CURSOR };
    const retryBudget = { maxWaitMs: MCP_QUOTA_WAIT_MS, signal: new AbortController().signal };
    const { rows, end, freshness } = await collect(walk(pages, range, retryBudget), MAX_TOOL_ROWS);
    const { next, failure } = end;
    if (input.order === "asc" && next !== null) throw failure ?? tooManyRows();
    const error = failure && problemOf(failure);
    const ordered = input.order === "asc" ? rows.reverse() : rows;
    return { ...rowsObject(symbol, ordered), ...trailer({ next, error, ...freshness }) };
  },
);

const compareShortInterest = tool(
  {
    name: "compare_short_interest",
    title: "Compare short interest",
    description: `Returns the newest row of short interest of 1 to 50 stocks or funds, with the change since the previous row in shares and in percent. Use it to compare or rank securities. A symbol that fails has an error in its item; the others are not affected. ${SCHEDULE}`,
  },
  v.strictObject({ symbols: symbolList }, UNKNOWN_ARGUMENT),
  ref("Latest"),
  async ({ symbols }, pages) => {
    return { items: (await latestOf(pages, symbols)).map(({ item }) => item) };
  },
);

function tooManyRows(): Failure {
  const detail = `The range has more than ${MAX_TOOL_ROWS} rows: use a later from, or order desc`;
  return new Failure("invalid_parameter", detail, { parameter: "from" });
}

export const TOOLS: readonly Tool[] = [getShortInterest, getHistory, compareShortInterest];

/** Calls a tool. A failure is returned as a result, so that the model can read it and correct its call. */
export async function callTool(name: string, input: unknown, pages: PageSource): Promise<object> {
  try {
    const called = TOOLS.find(({ listed }) => listed.name === name);
    if (!called) throw new Failure("not_found", "Unknown tool");
    const result = await called.run(input, pages);
    return { content: [{ type: "text", text: stringify(result) }], structuredContent: result };
  } catch (thrown) {
    if (!(thrown instanceof Failure)) throw thrown;
    return { content: [{ type: "text", text: stringify(problemOf(thrown)) }], isError: true };
  }
}
