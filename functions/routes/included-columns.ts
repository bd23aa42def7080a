import type { PageSource } from "../page-source/page-source.ts";
import { type Column, type FIRST_SEEN, firstSeenColumn } from "../short-interest/columns.ts";
import { FIRST_CURSOR } from "../short-interest/page.ts";

/**
 * The page source of a request, and the columns that its `include` adds to each row. Without `include`, nothing more is read.
 * A column has the values of the pages that the source has returned.
 */
export function withIncluded(
  pageSource: PageSource,
  include: typeof FIRST_SEEN | undefined,
): { source: PageSource; columns: readonly Column[] } {
  if (include === undefined) return { source: pageSource, columns: [] };
  const firstSeen = new Map<bigint, number>();
  const source: PageSource = {
    ...pageSource,
    async page(symbol, cursor, num) {
      const result = await pageSource.page(symbol, cursor, num);
      const { page, fetchedAt } = result;
      const isFirstPage = cursor === FIRST_CURSOR;
      const times = await pageSource.firstSeen(symbol, { rows: page.rows, fetchedAt, isFirstPage });
      for (const [timestamp, time] of times) firstSeen.set(timestamp, time);
      return result;
    },
  };
  return { source, columns: [firstSeenColumn(firstSeen)] };
}
