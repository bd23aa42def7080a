import { Failure } from "../errors.ts";
import { contentTypeOf, negotiate } from "../http/formats.ts";
import { checkRange, HistoryQuery, parseQuery } from "../http/parameters.ts";
import { problemOf } from "../http/problem.ts";
import type { AppContext } from "../middleware/app-env.ts";
import {
  collect,
  combineFreshness,
  type Freshness,
  type HistoryPage,
  type Walk,
  type WalkEnd,
  walk,
} from "../page-source/history.ts";
import { FIRST } from "../short-interest/page.ts";
import { type SeriesWriter, seriesCsv, seriesJson, seriesNdjson } from "../short-interest/series.ts";
import { parseSymbol } from "../short-interest/symbol.ts";

const WRITERS = { json: seriesJson, csv: seriesCsv, ndjson: seriesNdjson } as const;
const SERIES_FORMATS = ["json", "csv", "ndjson"] as const;

/** A page is waited for this long, while the quota is used up, in milliseconds. */
const QUOTA_RETRY_MS = 30_000;

/** `GET /v1/short-interest/{symbol}/history`: all rows of a range, as they come. */
export async function getHistory(context: AppContext, symbolText: string): Promise<Response> {
  const symbol = parseSymbol(symbolText);
  const query = parseQuery(HistoryQuery, context.req.url);
  checkRange(query);
  const format = query.format ?? negotiate(SERIES_FORMATS, context.req.header("Accept"));
  const disconnect = new AbortController();
  const { from, to, next_key: cursor = FIRST } = query;
  const patience = { maxWaitMs: QUOTA_RETRY_MS, signal: disconnect.signal };
  const steps = walk(context.var.pages, { symbol, from, to, cursor }, patience);
  const writer = WRITERS[format](symbol);
  const headers = {
    "Content-Type": contentTypeOf(format),
    Vary: "Accept",
    // Whether it is complete is not known yet, and its pages are kept anyway.
    "Cache-Control": "no-store",
  };
  if (query.order === "asc" && context.req.method !== "HEAD") {
    // What is oldest is known last, so it is all rows or a problem.
    const { rows, end, freshness } = await collect(steps, Number.POSITIVE_INFINITY);
    if (end.failure) throw end.failure;
    const text = writer.head + writer.rows(rows.reverse()) + writer.tail({ next: null, ...freshness });
    return context.body(text, 200, headers);
  }
  // Before the headers are sent: what fails here is still a problem.
  const first = await steps.next();
  if (context.req.method === "HEAD") {
    await steps.return({ next: null });
    return context.body(null, 200, headers);
  }
  const { stream, ended } = streamOf(steps, textsOf(steps, first, writer), disconnect);
  context.var.trackBody(ended);
  return context.body(stream, 200, headers);
}

/** Newest first, each page when it is read. */
function streamOf(steps: Walk, texts: AsyncGenerator<string>, disconnect: AbortController) {
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
        disconnect.abort(new Failure("internal", "Whoever asked has left"));
        await steps.return({ next: null });
      },
    },
    { highWaterMark: 0 },
  );
  return { stream, ended };
}

/** @param first what `steps` has given already */
async function* textsOf(
  steps: Walk,
  first: IteratorResult<HistoryPage, WalkEnd>,
  writer: SeriesWriter,
): AsyncGenerator<string> {
  let text = writer.head;
  let step = first;
  let freshness: Freshness = { fetchedAt: Number.POSITIVE_INFINITY, stale: false };
  for (; !step.done; step = await steps.next()) {
    text += writer.rows(step.value.rows);
    freshness = combineFreshness(freshness, step.value);
    // A chunk is never empty.
    if (text !== "") yield text;
    text = "";
  }
  const { next, failure } = step.value;
  const tail = writer.tail({ next, error: failure && problemOf(failure), ...freshness });
  if (tail === undefined) throw failure ?? new Failure("internal", "Rows are missing");
  if (text + tail !== "") yield text + tail;
}
