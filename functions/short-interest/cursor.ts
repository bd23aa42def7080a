/**
 * Cursors. OpenD's documented cursor is the timestamp of the last row before the page. It can be cut at any row, and a
 * new row does not shift it. Any other cursor of OpenD may be a number of rows, or valid for one `num` only. So the
 * service adds timestamps of rows to it:
 *
 *     ~ANCHOR~ROW~KEY
 *
 * - KEY is OpenD's cursor, unchanged; empty for the first page.
 * - ANCHOR is the timestamp of the last row before the page of KEY; empty if it is unknown. A new row may have shifted the
 *   page. Then its rows at or after ANCHOR are left out.
 * - ROW is the timestamp of the last row before the requested one, within that page; empty for its first row.
 *
 * ANCHOR is a part of the cache key, because a page fits to the page before it only if no row was published between their
 * fetches. A cursor of OpenD that has this form itself is always written as KEY. All timestamps are in seconds.
 */

/** The cursor of the first page. */
export const FIRST_CURSOR = "";
/** OpenD's cursor after the last page. */
export const END_CURSOR = "-1";

/** Characters of a cursor that a client may send. */
export const MAX_CURSOR_LENGTH = 256;
/** Digits of a timestamp at most. A row with a longer one, such as of milliseconds, cannot be in a cursor. */
const MAX_DIGITS = 12;
const TIMESTAMP_END = 10n ** BigInt(MAX_DIGITS);
/** Characters that the timestamps add to OpenD's cursor at most. */
const MAX_ADDED_LENGTH = 3 + 2 * MAX_DIGITS;

export interface CursorParts {
  /** OpenD's cursor, or `FIRST_CURSOR`. */
  readonly key: string;
  readonly anchor?: bigint | undefined;
  readonly row?: bigint | undefined;
}

const CURSOR = new RegExp(`^~(\\d{0,${MAX_DIGITS}})~(\\d{0,${MAX_DIGITS}})~(.*)$`, "s");

/** A text of another form counts as a cursor of OpenD. */
export function parseCursor(cursor: string): CursorParts {
  const [, anchor, row, key] = CURSOR.exec(cursor) ?? [];
  if (key === undefined) return { key: cursor };
  return { key, anchor: anchor ? BigInt(anchor) : undefined, row: row ? BigInt(row) : undefined };
}

export function formatCursor({ key, anchor, row }: CursorParts): string {
  const isPlain = anchor === undefined && row === undefined && !CURSOR.test(key);
  return isPlain ? key : `~${anchor ?? ""}~${row ?? ""}~${key}`;
}

/**
 * Whether a client could send a cursor of OpenD back with timestamps.
 * @param newest the newest of these timestamps, in seconds; undefined for none
 */
export function canHaveTimestamps({ length }: string, newest: bigint | undefined): boolean {
  return length <= MAX_CURSOR_LENGTH - MAX_ADDED_LENGTH && (newest ?? 0n) < TIMESTAMP_END;
}

/** The cursor of the whole page, without its row. Pages are cached under it. */
export function pageCursorOf(cursor: string): string {
  return formatCursor({ ...parseCursor(cursor), row: undefined });
}
