import { collectFirstSeen } from "../page-source/first-seen.ts";
import type { PageSource } from "../page-source/page-source.ts";
import { type Column, type FIRST_SEEN, firstSeenColumn } from "../short-interest/columns.ts";

/**
 * The page source of a request, and the columns that its `include` adds to each row. Without `include`, nothing more is read.
 * A column has the values of the pages that the source has returned.
 */
export function withIncluded(
  pageSource: PageSource,
  include: typeof FIRST_SEEN | undefined,
): { source: PageSource; columns: readonly Column[] } {
  if (include === undefined) return { source: pageSource, columns: [] };
  const { source, firstSeen } = collectFirstSeen(pageSource);
  return { source, columns: [firstSeenColumn(firstSeen)] };
}
