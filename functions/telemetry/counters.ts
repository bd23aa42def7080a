import { array, check, parse, pipe, string } from "valibot";
import type { FailureCode } from "../errors.ts";
import type { Upstash } from "../upstash.ts";
import { type Counts, increment, type RequestStats } from "./request-stats.ts";

/** The counts of all data centers: a hash of series and their values. */
const COUNTS = "short-interest:counts";

interface Counter {
  readonly help: string;
  /** The label of its series. A counter without a label is one series. */
  readonly label?: string;
  /** Whether its counts wait: they are many while OpenD fails or the quota is used up. */
  readonly waits?: boolean;
}

/** Prometheus counters, without the prefix of all metrics. */
export const COUNTERS = {
  upstream_calls_total: { help: "Calls sent to OpenD." },
  refusals_total: {
    help: "Pages and requests refused because a quota or limit is used up, by code.",
    label: "code",
    waits: true,
  },
  stale_pages_total: { help: "Pages served stale, by reason.", label: "reason", waits: true },
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

/** The counts that a request adds. A fresh page from a cache adds none. */
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

/** Series and values in turn. */
const CountsReply = pipe(
  array(string()),
  check(({ length }) => length % 2 === 0, "A series has no value"),
);

/** An isolate writes at most this often within the window. Further counts wait for a later write. */
const MAX_WRITES = 10;
const WRITE_WINDOW_MS = 60_000;
/**
 * Counts that wait are written together with others, after this time. They never cause a write: in an outage of OpenD
 * each isolate of each data center would write them.
 */
const COUNT_WAIT_MS = 30 * 60_000;

/** The names of the counters whose counts wait. */
const WAITING = Object.entries<Counter>(COUNTERS).flatMap(([name, { waits }]) => (waits ? [name] : []));
const mayWait = (series: string) => WAITING.some((name) => series.startsWith(name));

interface PendingCounts {
  counts: Map<string, number>;
  /** When the first of them was added (milliseconds). Without counts it means nothing. */
  since: number;
  /** Times of the last writes (milliseconds). */
  writes: number[];
}

/**
 * Counts that this isolate has not written yet, by database. They are lost if the isolate ends, or if it serves no further
 * request. That is acceptable: only counts of refusals and stale pages wait on purpose.
 */
const pending = new Map<string, PendingCounts>();

/** The counters that an operator reads at `/metrics`, of all data centers together. */
export interface Counters {
  /**
   * Adds the counts of a request, and writes them in the background. Counts that may wait are written with the first
   * others after `COUNT_WAIT_MS`.
   */
  add(counts: Counts): void;
  /** Writes all pending counts, and these as well. If Redis does not answer, they stay pending. */
  flush(also?: Counts): Promise<void>;
  /**
   * A replica may answer, which does not know the last writes yet.
   * @throws Failure `store_unavailable`
   */
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
  const own = pending.get(database) ?? { counts: new Map<string, number>(), since: 0, writes: [] };
  pending.set(database, own);

  function addPending(counts: Counts): void {
    if (own.counts.size === 0) own.since = now();
    for (const [series, times] of counts) increment(own.counts, series, times);
  }

  async function flush(also: Counts = new Map()): Promise<void> {
    addPending(also);
    const { counts } = own;
    own.counts = new Map();
    await write(counts);
  }

  async function write(counts: Counts): Promise<void> {
    if (counts.size === 0) return;
    own.writes = [...own.writes, now()].slice(-MAX_WRITES);
    try {
      // Plain commands: Upstash bills a script as one command more.
      await upstash.exec((redis) => {
        const pipeline = redis.pipeline();
        for (const [series, times] of counts) pipeline.hincrby(COUNTS, series, times);
        return pipeline.exec();
      });
    } catch {
      // Redis may have counted before the failure. Counting twice is better than not at all.
      addPending(counts);
    }
  }

  return {
    flush,
    add(counts) {
      addPending(counts);
      const [first = 0] = own.writes;
      if (own.writes.length >= MAX_WRITES && now() - first <= WRITE_WINDOW_MS) return;
      const waitsTooLong = now() - own.since >= COUNT_WAIT_MS;
      const due = [...own.counts].filter(([series]) => waitsTooLong || !mayWait(series));
      if (due.every(([series]) => mayWait(series))) return;
      for (const [series] of due) own.counts.delete(series);
      waitUntil(write(new Map(due)));
    },
    async read() {
      const reply = await upstash.exec(async (redis) =>
        parse(CountsReply, await redis.exec<unknown>(["HGETALL", COUNTS])),
      );
      const counts = new Map<string, number>();
      for (let index = 0; index < reply.length; index += 2) {
        counts.set(reply[index] ?? "", Number(reply[index + 1]));
      }
      return counts;
    },
  };
}
