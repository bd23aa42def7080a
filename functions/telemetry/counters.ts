import { array, number, string, tuple } from "valibot";
import type { FailureCode } from "../failure.ts";
import { count, type Tally, type Trace } from "../trace.ts";
import type { Upstash } from "../upstash.ts";

/** Where the counts of all data centres are kept: a hash of series and their values. */
const COUNTS = "short-interest:counts";

/** What is counted, as Prometheus names it, without the prefix that all have. */
export const COUNTED = {
  upstream_calls_total: "Calls that were sent to OpenD.",
  refusals_total: "Pages and requests that were refused because a quota or limit is used up, by code.",
  stale_answers_total: "Pages that were answered past their freshness, by why.",
  fetch_failures_total: "Calls to OpenD that brought no page, and tries to make one, by code.",
} as const;

type Counted = keyof typeof COUNTED;

const REFUSALS: ReadonlySet<string> = new Set<FailureCode>([
  "too_many_requests",
  "subrequest_limit",
  "client_quota_exceeded",
  "upstream_quota_exceeded",
]);

/** What a request adds to the counters. A page that is kept and fresh adds nothing, and so costs nothing. */
export function countsOf(trace: Trace, code: FailureCode | undefined): Tally {
  const counts = new Map<string, number>();
  const add = (name: Counted, label: string, tally: Tally) => {
    for (const [value, times] of tally) count(counts, `${name}{${label}="${value}"}`, times);
  };
  if (trace.calls > 0) count(counts, "upstream_calls_total", trace.calls);
  add("stale_answers_total", "reason", trace.stale);
  add("fetch_failures_total", "code", trace.fetchFailures);
  add("refusals_total", "code", new Map([...trace.missed].filter(([missed]) => REFUSALS.has(missed))));
  if (code !== undefined && REFUSALS.has(code) && !trace.missed.has(code)) {
    count(counts, `refusals_total{code="${code}"}`);
  }
  return counts;
}

/** KEYS counts; ARGV series and what to add, in turns */
const ADD = `
for at = 1, #ARGV, 2 do redis.call('HINCRBY', KEYS[1], ARGV[at], ARGV[at + 1]) end
return 0
`;
/** KEYS counts → series, values */
const READ = "return {redis.call('HKEYS', KEYS[1]), redis.call('HVALS', KEYS[1])}";
const ReadReply = tuple([array(string()), array(string())]);

/** An isolate writes so often within a time, at most. What is counted past that is written with what comes later. */
const MOST_WRITES = 10;
const WRITES_WITHIN_MS = 60_000;

interface Waiting {
  counts: Map<string, number>;
  /** When the last were written (milliseconds). */
  writes: number[];
}

/** What this isolate has not written yet, by the database it belongs to. */
const waiting = new Map<string, Waiting>();

/** The counters that an operator reads at `/metrics`, of all data centres together. */
export interface Counters {
  /**
   * Adds to them.
   * @param atOnce whether it is worth a question to Upstash; else it waits for what is
   */
  add(counts: Tally, atOnce: boolean): void;
  /** Writes what is waiting, and these as well. Where Upstash cannot be asked it goes on waiting. */
  flush(also?: Tally): Promise<void>;
  /** @throws Failure `store_unavailable` */
  read(): Promise<Tally>;
}

/**
 * @param database tells one Upstash from another
 * @param background keeps the Worker running until what it is given has ended
 * @param now milliseconds
 */
export function createCounters(
  upstash: Upstash,
  database: string,
  background: (work: Promise<unknown>) => void,
  now: () => number,
): Counters {
  const own = waiting.get(database) ?? { counts: new Map<string, number>(), writes: [] };
  waiting.set(database, own);

  function keep(counts: Tally): void {
    for (const [series, times] of counts) count(own.counts, series, times);
  }

  async function flush(also: Tally = new Map()): Promise<void> {
    keep(also);
    const { counts } = own;
    if (counts.size === 0) return;
    own.counts = new Map();
    own.writes = [...own.writes, now()].slice(-MOST_WRITES);
    try {
      const args = [...counts].flatMap(([series, times]) => [series, String(times)]);
      await upstash.run({ script: ADD, keys: [COUNTS], args }, number());
    } catch {
      // It may have been written all the same: better twice than not at all, when things go wrong.
      keep(counts);
    }
  }

  return {
    flush,
    add(counts, atOnce) {
      keep(counts);
      if (!atOnce) return;
      const [first = 0] = own.writes;
      if (own.writes.length < MOST_WRITES || now() - first > WRITES_WITHIN_MS) background(flush());
    },
    async read() {
      const [series, values] = await upstash.run({ script: READ, keys: [COUNTS], args: [] }, ReadReply);
      return new Map(series.map((each, at) => [each, Number(values[at])]));
    },
  };
}
