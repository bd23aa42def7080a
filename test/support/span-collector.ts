import { array, literal, object, parse, string, union, unknown } from "valibot";

/** A Worker that receives the spans of another one, and returns their events to GET. */
export const SPAN_COLLECTOR = `
const events = [];
const withoutBigInts = (_, value) => (typeof value === "bigint" ? Number(value) : value);
const collect = ({ event, spanContext }) => {
  events.push({ ...event, parentSpanId: spanContext.spanId, traceId: spanContext.traceId });
};
export default {
  tailStream: () => collect,
  fetch: () => new Response(JSON.stringify(events, withoutBigInts)),
};`;

const Event = union([
  object({
    type: literal("spanOpen"),
    traceId: string(),
    parentSpanId: string(),
    spanId: string(),
    name: string(),
  }),
  // Its span is the one that is active.
  object({
    type: literal("attributes"),
    traceId: string(),
    parentSpanId: string(),
    info: array(object({ name: string(), value: unknown() })),
  }),
  object({ type: string() }),
]);

export interface CollectedSpan {
  readonly name: string;
  readonly traceId: string;
  /** The name of the span around it; undefined for the root. */
  readonly parent: string | undefined;
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** Every event of the Worker after its request, as JSON. @param origin of the collector */
export async function collectedText(origin: string): Promise<string> {
  return (await fetch(origin)).text();
}

/** @param text from `collectedText` */
export function collectedSpans(text: string): CollectedSpan[] {
  const events = parse(array(Event), JSON.parse(text));
  const opened = events.filter((event) => "spanId" in event);
  const nameOf = (id: string) => opened.find(({ spanId }) => spanId === id)?.name;
  const attributesOf = (id: string) =>
    events.flatMap((event) => ("info" in event && event.parentSpanId === id ? event.info : []));
  return opened.map(({ name, traceId, spanId, parentSpanId }) => ({
    name,
    traceId,
    parent: nameOf(parentSpanId),
    attributes: Object.fromEntries(
      attributesOf(spanId).map((attribute) => [attribute.name, attribute.value]),
    ),
  }));
}
