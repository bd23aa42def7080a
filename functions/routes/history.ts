import { Failure } from "../errors.ts";
import { contentTypeOf, negotiate, SERIES_FORMATS } from "../http/formats.ts";
import { checkRange, HistoryQuery, parseQuery } from "../http/parameters.ts";
import { problemOf } from "../http/problem.ts";
import type { AppContext } from "../middleware/app-env.ts";
import {
  collect,
  combineFreshness,
  type Freshness,
  type HistoryPage,
  type HistoryWalk,
  type WalkEnd,
  walk,
} from "../page-source/history.ts";
import type { Column } from "../short-interest/columns.ts";
import { FIRST_CURSOR } from "../short-interest/page.ts";
import { type SeriesWriter, seriesCsv, seriesJson, seriesNdjson } from "../short-interest/series.ts";
import { parseSymbol, type SecuritySymbol } from "../short-interest/symbol.ts";
import { withIncluded } from "./included-columns.ts";

const WRITERS = { json: seriesJson, csv: seriesCsv, ndjson: seriesNdjson } as const satisfies Record<
  (typeof SERIES_FORMATS)[number],
  (symbol: SecuritySymbol, more: readonly Column[]) => SeriesWriter
>;

/** A history waits this long for a page while a quota is used up, in milliseconds. */
export const MAX_QUOTA_WAIT_MS = 30_000;

/** `GET /v1/short-interest/{symbol}/history`: all rows of a range, streamed page by page. */
export async function getHistory(context: AppContext, symbolText: string): Promise<Response> {
  const symbol = parseSymbol(symbolText);
  const query = parseQuery(HistoryQuery, context.req.url);
  checkRange(query);
  const accept = context.req.header("Accept");
  const format = query.format ?? negotiate(SERIES_FORMATS, accept);
  const disconnect = new AbortController();
  const { from, to, next_key: cursor = FIRST_CURSOR } = query;
  const retryBudget = { maxWaitMs: MAX_QUOTA_WAIT_MS, signal: disconnect.signal };
  const { source, columns } = withIncluded(context.var.pageSource, query.include);
  const pages = walk(source, { symbol, from, to, cursor }, retryBudget);
  const writer = WRITERS[format](symbol, columns);
  const headers = {
    "Content-Type": contentTypeOf(format, accept),
    Vary: "Accept",
    // The response may turn out incomplete, and its pages are cached anyway.
    "Cache-Control": "no-store",
  };
  if (query.order === "asc" && context.req.method !== "HEAD") {
    // The oldest rows arrive last, so the response is not streamed: all rows, or a problem.
    const { rows, end, freshness } = await collect(pages, Number.POSITIVE_INFINITY);
    if (end.failure) throw end.failure;
    const text = writer.head + writer.rows(rows.reverse()) + writer.tail({ next: null, ...freshness });
    return context.body(text, 200, headers);
  }
  // Read the first page before the headers are sent: its failure is a problem response.
  const first = await pages.next();
  if (context.req.method === "HEAD") {
    await pages.return({ next: null });
    return context.body(null, 200, headers);
  }
  const { stream, ended } = streamOf(pages, textsOf(pages, first, writer), disconnect);
  context.var.trackBody(ended);
  return context.body(stream, 200, headers);
}

/** A body that fetches a page when the client reads it. */
function streamOf(pages: HistoryWalk, texts: AsyncGenerator<string>, disconnect: AbortController) {
  const encoder = new TextEncoder();
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await texts.next();
          if (!done) return controller.enqueue(encoder.encode(value));
          controller.close();
        } catch (thrown) {
          end();
          throw thrown;
        }
        end();
      },
      async cancel() {
        end();
        disconnect.abort(new Failure("internal", "The client disconnected"));
        await pages.return({ next: null });
      },
    },
    { highWaterMark: 0 },
  );
  return { stream, ended };
}

/** @param first the first page, which was read already */
async function* textsOf(
  pages: HistoryWalk,
  first: IteratorResult<HistoryPage, WalkEnd>,
  writer: SeriesWriter,
): AsyncGenerator<string> {
  let text = writer.head;
  let result = first;
  let freshness: Freshness = { fetchedAt: Number.POSITIVE_INFINITY, stale: false };
  for (; !result.done; result = await pages.next()) {
    text += writer.rows(result.value.rows);
    freshness = combineFreshness(freshness, result.value);
    // Streams ignore empty chunks, so do not enqueue one.
    if (text !== "") yield text;
    text = "";
  }
  const { next, failure } = result.value;
  const tail = writer.tail({ next, error: failure && problemOf(failure), ...freshness });
  if (tail === undefined) throw failure ?? new Failure("internal", "Rows are missing");
  if (text + tail !== "") yield text + tail;
}
