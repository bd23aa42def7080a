import {
  freshnessPolicy,
  type PageFacts,
  type Publication,
  publicationAfterFetch,
  staleUntil,
} from "../../functions/page-source/freshness.ts";
import { FIRST_CURSOR } from "../../functions/short-interest/page.ts";
import type { Market } from "../../functions/short-interest/symbol.ts";
import { randomFrom } from "../stand-ins/sample-data.ts";

/** A row that OpenD has from `published` on. */
export interface ScheduledRow {
  /** Seconds. */
  readonly timestamp: number;
  /** Unix time, milliseconds. */
  readonly published: number;
}

/** The rows of one symbol, oldest first. */
export interface WalkSymbol {
  readonly market: Market;
  readonly rows: readonly ScheduledRow[];
}

export interface Walk {
  readonly symbols: readonly WalkSymbol[];
  /** Unix times, milliseconds. */
  readonly from: number;
  readonly to: number;
  /** Mean time between two requests. */
  readonly meanMs: number;
  readonly dataCenters: number;
  /** The index of the symbol that a request wants. */
  readonly pick: (random: () => number) => number;
}

export interface WalkResult {
  /** Times of the calls to OpenD. */
  readonly calls: readonly number[];
  /** Reads of the shared cache. */
  readonly looks: number;
  /** Writes of the markets' records. */
  readonly writes: number;
  /** Answers that are marked fresh and lack a row: the row, and the time since its publication. */
  readonly late: readonly { readonly row: ScheduledRow; readonly lateMs: number; readonly at: number }[];
  readonly staleAnswers: number;
}

interface Copy extends PageFacts {
  readonly freshUntil: number;
  readonly staleUntil: number;
  readonly revalidateAfter: number;
}

/** Decides as a page source does, on a virtual clock: edge copies, shared pages, and a record of each market. */
export function walk({ symbols, from, to, meanMs, dataCenters, pick }: Walk): WalkResult {
  const random = randomFrom(`${from} ${meanMs}`);
  const calls: number[] = [];
  const late: { row: ScheduledRow; lateMs: number; at: number }[] = [];
  const shared = new Map<number, PageFacts>();
  const edges = Array.from({ length: dataCenters }, () => new Map<number, Copy>());
  const records = new Map<Market, Publication>();
  let [looks, writes, staleAnswers] = [0, 0, 0];

  function fetchPage(index: number, now: number): PageFacts {
    const { market, rows } = symbols[index] ?? { market: "HK", rows: [] };
    calls.push(now);
    const timestamps = newestRows(rows, now).map(({ timestamp }) => timestamp);
    const page = { market, cursor: FIRST_CURSOR, fetchedAt: now, newest: timestamps[0] ?? 0 };
    shared.set(index, page);
    const previous = records.get(market);
    const record = publicationAfterFetch(previous, market, timestamps, now);
    if (record && record !== previous) {
      records.set(market, record);
      writes += 1;
    }
    return page;
  }

  function copyOf(page: PageFacts, now: number): Copy {
    const freshUntil = freshnessPolicy.freshUntil(page, records.get(page.market));
    const lifetime = { freshUntil, staleUntil: staleUntil(page.cursor, page.fetchedAt) };
    const revalidateAfter = freshnessPolicy.revalidateAfter({ ...page, ...lifetime }, now, 0, random());
    return { ...page, ...lifetime, revalidateAfter };
  }

  /** Reads the shared page. A stale one is served while it is fetched in the background. */
  function look(index: number, now: number): Copy {
    looks += 1;
    const page = shared.get(index);
    if (page === undefined || now >= staleUntil(page.cursor, page.fetchedAt)) {
      return copyOf(fetchPage(index, now), now);
    }
    const copy = copyOf(page, now);
    if (now >= copy.freshUntil) fetchPage(index, now);
    return copy;
  }

  for (let now = from; now < to; now += -Math.log(1 - random()) * meanMs) {
    const index = pick(random);
    const edge = edges[Math.floor(random() * dataCenters)];
    let copy = edge?.get(index);
    if (copy === undefined || now >= copy.revalidateAfter) {
      const found = look(index, now);
      edge?.set(index, found);
      const isInGrace = copy !== undefined && now < copy.revalidateAfter + freshnessPolicy.graceMs;
      copy = isInGrace ? copy : found;
    }
    if (copy === undefined) continue;
    if (now >= copy.freshUntil) {
      staleAnswers += 1;
      continue;
    }
    const { newest } = copy;
    const missing = symbols[index]?.rows.find((row) => row.timestamp > newest);
    if (missing && missing.published <= now) {
      late.push({ row: missing, lateMs: now - missing.published, at: now });
    }
  }
  return { calls, looks, writes, late, staleAnswers };
}

/** The newest rows at a time, newest first. */
function newestRows(rows: readonly ScheduledRow[], now: number): readonly ScheduledRow[] {
  const after = rows.findIndex(({ published }) => published > now);
  const end = after < 0 ? rows.length : after;
  return rows.slice(Math.max(0, end - 10), end).toReversed();
}

/** Picks an index below `count` by Zipf's law. */
export function zipfPick(count: number): (random: () => number) => number {
  let sum = 0;
  const sums = Array.from({ length: count }, (_, rank) => (sum += 1 / (rank + 1)));
  return (random) => {
    const wanted = random() * sum;
    return sums.findIndex((upTo) => wanted < upTo);
  };
}
