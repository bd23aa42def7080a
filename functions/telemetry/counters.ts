import { array, number, string, tuple } from "valibot";
import type { FailureCode } from "../errors.ts";
import type { Upstash } from "../upstash.ts";
import { type Counts, increment, type RequestStats } from "./request-stats.ts";

/** The counts of all data centers: a hash of series and their values. */
const COUNTS = "short-interest:counts";

interface Counter {
  readonly help: string;
  /** The label of its series. A counter without a label is one series. */
  readonly label?: string;
}

/** Prometheus counters, without the prefix of all metrics. */
export const COUNTERS = {
  upstream_calls_total: { help: "Calls sent to OpenD." },
  refusals_total: {
    help: "Pages and requests refused because a quota or limit is used up, by code.",
    label: "code",
  },
  stale_pages_total: { help: "Pages served stale, by reason.", label: "reason" },
  fetch_failures_total: {
    help: "Failed fetches, including those that failed before the call, by code.",
    label: "code",
  },
} as const satisfies Readonly<Record<string, Counter>>;

/** The counts before the first write: 0 for each counter without a label. */
export const INITIAL_COUNTS: Counts = new Map(
  Object.entries<Counter>(COUNTERS).flatMap(([name, { label }]) => (label === undefined ? [[name, 0]] : [])),
);

/** The names of the counters with a label. */
type LabelledCounter = {
  [Name in keyof typeof COUNTERS]: (typeof COUNTERS)[Name] extends { label: string } ? Name : never;
}[keyof typeof COUNTERS];

const REFUSALS: ReadonlySet<string> = new Set<FailureCode>([
  "too_many_requests",
  "subrequest_limit",
  "client_quota_exceeded",
  "upstream_quota_exceeded",
]);

/** The counts that a request adds. A fresh page from a cache adds none, so it costs no Redis command. */
export function countsOf(stats: RequestStats, code: FailureCode | undefined): Counts {
  const counts = new Map<string, number>();
  const add = (name: LabelledCounter, values: Counts) => {
    const { label } = COUNTERS[name];
    for (const [value, times] of values) increment(counts, `${name}{${label}="${value}"}`, times);
  };
  if (stats.calls > 0) increment(counts, "upstream_calls_total", stats.calls);
  add("stale_pages_total", stats.stale);
  add("fetch_failures_total", stats.fetchFailures);
  const refusals = [...stats.failed].filter(([failed]) => REFUSALS.has(failed));
  add("refusals_total", new Map(refusals));
  if (code !== undefined && REFUSALS.has(code) && !stats.failed.has(code)) {
    increment(counts, `refusals_total{code="${code}"}`);
  }
  return counts;
}

/** KEYS counts; ARGV pairs of series and increment */
const ADD = `
for i = 1, #ARGV, 2 do redis.call('HINCRBY', KEYS[1], ARGV[i], ARGV[i + 1]) end
return 0
`;
/** KEYS counts → series, values */
const READ = "return {redis.call('HKEYS', KEYS[1]), redis.call('HVALS', KEYS[1])}";
const ReadReply = tuple([array(string()), array(string())]);

/** An isolate writes at most this often within the window. Further counts wait for a later write. */
const MAX_WRITES = 10;
const WRITE_WINDOW_MS = 60_000;

interface PendingCounts {
  counts: Map<string, number>;
  /** Times of the last writes (milliseconds). */
  writes: number[];
}

/** Counts that this isolate has not written yet, by database. */
const pending = new Map<string, PendingCounts>();

/** The counters that an operator reads at `/metrics`, of all data centers together. */
export interface Counters {
  /** @param atOnce whether to write now; otherwise the counts wait for the next write */
  add(counts: Counts, atOnce: boolean): void;
  /** Writes pending counts, and these as well. If Redis does not answer, they stay pending. */
  flush(also?: Counts): Promise<void>;
  /** @throws Failure `store_unavailable` */
  read(): Promise<Counts>;
}

/**
 * @param database identifies the database: an isolate may serve several configurations
 * @param now milliseconds
 */
export function createCounters(
  upstash: Upstash,
  database: string,
  waitUntil: (work: Promise<unknown>) => void,
  now: () => number,
): Counters {
  const own = pending.get(database) ?? { counts: new Map<string, number>(), writes: [] };
  pending.set(database, own);

  function addPending(counts: Counts): void {
    for (const [series, times] of counts) increment(own.counts, series, times);
  }

  async function flush(also: Counts = new Map()): Promise<void> {
    addPending(also);
    const { counts } = own;
    if (counts.size === 0) return;
    own.counts = new Map();
    own.writes = [...own.writes, now()].slice(-MAX_WRITES);
    try {
      const args = [...counts].flatMap(([series, times]) => [series, String(times)]);
      await upstash.eval({ script: ADD, keys: [COUNTS], args }, number());
    } catch {
      // Redis may have counted before the failure. Counting twice is better than not at all.
      addPending(counts);
    }
  }

  return {
    flush,
    add(counts, atOnce) {
      addPending(counts);
      if (!atOnce) return;
      const [first = 0] = own.writes;
      if (own.writes.length < MAX_WRITES || now() - first > WRITE_WINDOW_MS) waitUntil(flush());
    },
    async read() {
      const [series, values] = await upstash.eval({ script: READ, keys: [COUNTS], args: [] }, ReadReply);
      return new Map(series.map((name, index) => [name, Number(values[index])]));
    },
  };
}
