import { Failure } from "../failure.ts";
import type { FormatName } from "../http/formats.ts";
import { contentTypeOf, negotiate } from "../http/formats.ts";
import { problemOf } from "../http/problem.ts";
import { type WalkEnd, walk } from "../pages/history.ts";
import type { RouteContext } from "../scope.ts";
import { FIRST, type Row } from "../short-interest/page.ts";
import { type SeriesWriter, seriesCsv, seriesJson, seriesNdjson } from "../short-interest/series.ts";
import { parseSymbol, type SecuritySymbol } from "../short-interest/symbol.ts";
import { checkRange, HistoryQuery, parseQuery } from "./parameters.ts";

const WRITERS = { json: seriesJson, csv: seriesCsv, ndjson: seriesNdjson } as const satisfies Partial<
  Record<FormatName, (symbol: SecuritySymbol) => SeriesWriter>
>;
export const SERIES_FORMATS = ["json", "csv", "ndjson"] as const;

type Walk = AsyncGenerator<readonly Row[], WalkEnd>;
type Step = IteratorResult<readonly Row[], WalkEnd>;

/** `GET /v1/short-interest/{symbol}/history`: all rows of a range, as they come. */
export async function getHistory(context: RouteContext, symbolText: string): Promise<Response> {
  const symbol = parseSymbol(symbolText);
  const query = parseQuery(HistoryQuery, context.req.queries());
  checkRange(query);
  const format = query.format ?? negotiate(SERIES_FORMATS, context.req.header("Accept"));
  const leaving = new AbortController();
  const { from, to, next_key: cursor = FIRST } = query;
  const rows = walk(context.var.pages, { symbol, from, to, cursor }, leaving.signal);
  const writer = WRITERS[format](symbol);
  const headers = {
    "Content-Type": contentTypeOf(format),
    Vary: "Accept",
    // Whether it is complete is not known yet, and its pages are kept anyway.
    "Cache-Control": "no-store",
  };
  if (query.order === "asc") {
    return context.body(await oldestFirst(rows, writer), 200, headers);
  }
  // Before the headers are sent: what fails here is still a problem.
  const first = await rows.next();
  if (context.req.method === "HEAD") {
    await rows.return({ next: null });
    return context.body(null, 200, headers);
  }
  return context.body(streamOf(rows, textsOf(rows, first, writer), leaving), 200, headers);
}

/** Newest first, each page when it is read. */
function streamOf(rows: Walk, texts: AsyncGenerator<string>, leaving: AbortController) {
  const encoder = new TextEncoder();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await texts.next();
        if (done) controller.close();
        else controller.enqueue(encoder.encode(value));
      },
      async cancel() {
        leaving.abort(new Failure("internal", "Whoever asked has left"));
        await rows.return({ next: null });
      },
    },
    { highWaterMark: 0 },
  );
}

/** @param first what `rows` has given already */
async function* textsOf(rows: Walk, first: Step, writer: SeriesWriter): AsyncGenerator<string> {
  let text = writer.head;
  let step = first;
  for (; !step.done; step = await rows.next()) {
    text += writer.rows(step.value);
    // A chunk is never empty.
    if (text !== "") yield text;
    text = "";
  }
  const { next, failure } = step.value;
  const tail = writer.tail({ next, error: failure && problemOf(failure) });
  if (tail === undefined) throw failure ?? new Failure("internal", "Rows are missing");
  if (text + tail !== "") yield text + tail;
}

/** Oldest first, which is known last: all rows, or a problem. */
async function oldestFirst(rows: Walk, writer: SeriesWriter): Promise<string> {
  const newestFirst: Row[] = [];
  for (;;) {
    const { done, value } = await rows.next();
    if (!done) {
      newestFirst.push(...value);
      continue;
    }
    if (value.failure) throw value.failure;
    if (value.next !== null) throw tooLong();
    return writer.head + writer.rows(newestFirst.reverse()) + writer.tail({ next: null });
  }
}

function tooLong(): Failure {
  return new Failure("invalid_parameter", "There are too many rows since from to send the oldest first", {
    parameter: "from",
  });
}
