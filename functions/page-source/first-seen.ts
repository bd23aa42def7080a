import { isDescending, type Page, type Row } from "../short-interest/page.ts";
import { formatSymbol, type SecuritySymbol } from "../short-interest/symbol.ts";
import type { Upstash } from "../upstash.ts";
import type { PageKey } from "./cached-reply.ts";
import { FIRST_SEEN_PREFIX } from "./first-seen-script.ts";

/**
 * When the service first saw rows: Unix time in seconds, by the timestamp of the row. A row without an entry is unknown: it
 * was there before the first look at its symbol, or no fetch of a first page showed it.
 */
export type FirstSeen = ReadonlyMap<bigint, number>;

/** Rows of one page, and when the page was fetched (Unix time, milliseconds). */
export interface SeenRows {
  readonly rows: readonly Row[];
  readonly fetchedAt: number;
  /** Only rows of a first page are recorded. */
  readonly isFirstPage: boolean;
}

export interface FirstSeenReader {
  /**
   * Reads when rows were first seen, with one command a symbol at most. An isolate remembers them for an hour.
   * @returns the times of these rows, as far as they are known
   * @throws Failure `store_unavailable`
   */
  firstSeen(symbol: SecuritySymbol, seen: SeenRows): Promise<FirstSeen>;
}

/** Records that an isolate remembers. One has 11 KB at most, and usually 1 KB. */
const MAX_REMEMBERED = 200;
/** As long as a data center keeps a purged page. Then a deleted record is forgotten. */
const REMEMBERED_MS = 3_600_000;
/** The values in Redis and when they were read, by database and symbol. The first one is the oldest. */
const remembered = new Map<string, { readonly value: string; readonly readAt: number }>();

/**
 * Creates the reader of one request.
 * @param database names it, because an isolate may serve several
 * @param now the time in Unix milliseconds
 */
export function createFirstSeenReader(
  upstash: Upstash,
  database: string,
  now: () => number,
): FirstSeenReader {
  /** The records of this request: the older pages of a history need no other one. */
  const records = new Map<string, SeenRecord>();
  return {
    async firstSeen(symbol, seen) {
      if (seen.rows.length === 0) return new Map();
      const key = FIRST_SEEN_PREFIX + formatSymbol(symbol);
      const name = `${database} ${key}`;
      const read = records.get(name);
      if (read) return timesOf(seen, read);
      const memory = remembered.get(name);
      const known = memory && now() - memory.readAt < REMEMBERED_MS ? parseRecord(memory.value) : undefined;
      // A row that is missing may have been recorded since.
      if (known && (!seen.isFirstPage || hasAll(known, seen.rows))) {
        records.set(name, known);
        return timesOf(seen, known);
      }
      const value = await upstash.exec((redis) => redis.get<string>(key));
      const record = parseRecord(value) ?? new Map<bigint, number>();
      if (value !== null && record.size > 0) remember(name, { value, readAt: now() });
      records.set(name, record);
      return timesOf(seen, record);
    },
  };
}

/**
 * The timestamps that a write adds to the record of a symbol, between spaces. Only a first page in order says which
 * newer rows were absent.
 * @returns '' for another page
 */
export function datesToRecord(page: Page, { cursor, num }: PageKey): string {
  const isRecorded = cursor === "" && num === undefined && isDescending(page.rows);
  return isRecorded ? page.rows.map(({ timestamp }) => String(timestamp)).join(" ") : "";
}

/** Seconds by timestamp, newest first; 0 if the row was in the first page of the record. */
type SeenRecord = ReadonlyMap<bigint, number>;

/** @returns undefined without a row */
function parseRecord(value: string | null | undefined): SeenRecord | undefined {
  const lines = [...(value ?? "").matchAll(/\n(\d+) (\d+)/g)];
  if (lines.length === 0) return undefined;
  return new Map(lines.map(([, date = "", time]) => [BigInt(date), Number(time)]));
}

/** Whether each row is in the record, or older than all of its rows. */
function hasAll(record: SeenRecord, rows: readonly Row[]): boolean {
  const oldest = [...record.keys()].at(-1) ?? 0n;
  return rows.every(({ timestamp }) => record.has(timestamp) || timestamp < oldest);
}

function timesOf({ rows, fetchedAt, isFirstPage }: SeenRows, record: SeenRecord): FirstSeen {
  const [newest] = record.keys();
  // The write of a page may still be running. The fetch saw its new rows, and about this time is recorded.
  const timeOfNew = Math.ceil(fetchedAt / 1_000);
  return new Map(
    rows.flatMap(({ timestamp }) => {
      const isNew = isFirstPage && newest !== undefined && timestamp > newest;
      const time = isNew ? timeOfNew : record.get(timestamp);
      return time ? [[timestamp, time] as const] : [];
    }),
  );
}

function remember(name: string, record: { readonly value: string; readonly readAt: number }): void {
  remembered.delete(name);
  remembered.set(name, record);
  const [oldest = ""] = remembered.keys();
  if (remembered.size > MAX_REMEMBERED) remembered.delete(oldest);
}
