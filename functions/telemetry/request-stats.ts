import type { FailureCode } from "../errors.ts";
import { NO_SPANS, type Spans } from "./spans.ts";

/**
 * Phases of a request: reading the `edge` cache and the `shared` cache, acquiring a permit (`limit`),
 * connecting to OpenD, and the call.
 */
export type Phase = "edge" | "shared" | "limit" | "connect" | "call";

const SPAN_NAMES: Readonly<Record<Phase, string>> = {
  edge: "edge_cache",
  shared: "shared_cache",
  limit: "permit",
  connect: "connect",
  call: "call",
};

/** Occurrences by name. */
export type Counts<Name extends string = string> = ReadonlyMap<Name, number>;

/** A refusal in OpenD's words: `ret_type` of the reply or `error` of the frame, and the text. */
export interface OpendText {
  readonly ret_type?: number | undefined;
  readonly error?: number | undefined;
  readonly text: string;
}

/** A run of the poller may see many. */
const MAX_OPEND_TEXTS = 5;

/** The accounting of one request, for its response headers, its log line and the counters. */
export interface RequestStats {
  /** Adds the duration of `work` to a phase, and runs it in a span. */
  time<T>(phase: Phase, work: () => Promise<T>): Promise<T>;
  readonly spans: Spans;
  /** Milliseconds. Phases may overlap. */
  readonly phases: Counts<Phase>;
  /** Counts one subrequest, as the platform does. */
  countSubrequest(): void;
  readonly subrequests: number;
  /** Counts the pages of an earlier request whose response is reused, as hits of the edge cache that took no time. */
  countReuse(earlier: Pick<RequestStats, "symbols" | "pages">): void;
  /** Permits that the limits had left after the last one was acquired; absent if none was. */
  remaining?: { readonly client: number; readonly upstream: number };
  /** Calls that were sent to OpenD. */
  calls: number;
  /** Failed fetches by error code, except for unknown symbols and refused permits. */
  readonly fetchFailures: Map<FailureCode, number>;
  /** The symbols of all requested pages. */
  readonly symbols: Set<string>;
  /** Pages by cache tier. */
  readonly pages: Map<string, number>;
  /** Stale pages by reason. */
  readonly stale: Map<string, number>;
  /** Pages that could not be served, by error code. */
  readonly failed: Map<FailureCode, number>;
  /** Adds a refusal in OpenD's words, unless it has it already or has `MAX_OPEND_TEXTS`. */
  addOpendText(text: OpendText | undefined): void;
  /** The different refusals in OpenD's words, without secrets. Only the log has them. */
  readonly opendTexts: readonly OpendText[];
}

/**
 * @param now milliseconds, from any origin
 * @param options.parent the stats of the connection that the request belongs to: its subrequests count there as well
 * @param options.spans those of the parent by default
 */
export function createRequestStats(
  now: () => number,
  { parent, spans = parent?.spans ?? NO_SPANS }: { parent?: RequestStats; spans?: Spans } = {},
): RequestStats {
  const phases = new Map<Phase, number>();
  const symbols = new Set<string>();
  const pages = new Map<string, number>();
  const opendTexts: OpendText[] = [];
  let subrequests = 0;
  return {
    spans,
    phases,
    get subrequests() {
      return subrequests;
    },
    countSubrequest() {
      subrequests += 1;
      parent?.countSubrequest();
    },
    calls: 0,
    fetchFailures: new Map(),
    symbols,
    pages,
    stale: new Map(),
    failed: new Map(),
    opendTexts,
    addOpendText(text) {
      if (text === undefined || opendTexts.length >= MAX_OPEND_TEXTS) return;
      const isSame = (other: OpendText) =>
        other.text === text.text && other.ret_type === text.ret_type && other.error === text.error;
      if (!opendTexts.some(isSame)) opendTexts.push(text);
    },
    countReuse(earlier) {
      for (const symbol of earlier.symbols) symbols.add(symbol);
      for (const [tier, count] of earlier.pages) increment(pages, tier, count);
      increment(phases, "edge", 0);
    },
    async time(phase, work) {
      const startedAt = now();
      try {
        return await spans.run(SPAN_NAMES[phase], work);
      } finally {
        increment(phases, phase, now() - startedAt);
      }
    },
  };
}

export function increment<Name extends string>(counts: Map<Name, number>, name: Name, by = 1): void {
  counts.set(name, (counts.get(name) ?? 0) + by);
}
