import { array, type InferOutput, literal, object, parse, string, union, unknown } from "valibot";

/** A Worker that receives the spans of another one, and returns their events to GET. */
export const SPAN_COLLECTOR = `
const events = [];
const collect = ({ event, spanContext }) => {
  events.push({ ...event, parentSpanId: spanContext.spanId, traceId: spanContext.traceId });
};
export default {
  tailStream: () => collect,
  fetch: () => Response.json(events),
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
type Event = InferOutput<typeof Event>;

export interface CollectedSpan {
  readonly name: string;
  readonly traceId: string;
  /** The name of the span around it; undefined for the root. */
  readonly parent: string | undefined;
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** @param origin of the collector */
export async function collectedSpans(origin: string): Promise<CollectedSpan[]> {
  const events = parse(array(Event), await (await fetch(origin)).json());
  const opened = events.filter((event) => "spanId" in event);
  const nameOf = (id: string) => opened.find(({ spanId }) => spanId === id)?.name;
  const attributesOf = (id: string) =>
    events.flatMap((event) => ("info" in event && event.parentSpanId === id ? event.info : []));
  return opened.map(({ name, traceId, spanId, parentSpanId }) => ({
    name,
    traceId,
    parent: nameOf(parentSpanId),
    attributes: Object.fromEntries(attributesOf(spanId).map((attribute) => [attribute.name, attribute.value])),
  }));
}
