import { COLUMNS } from "../short-interest/columns.ts";
import { FIRST_CURSOR, type Page } from "../short-interest/page.ts";

/**
 * Whether a refresh shows that the history was rewritten, by a split or a correction: a row that both replies must have
 * is different or missing in one of them. Also if they share no row, because then the rows between are unknown. If the newest
 * row of several is only different, that does not count: its prices may still change, and no older page has it.
 * @param cursor of both pages
 * @param before the stored page
 * @param after the fetched page
 */
export function isHistoryRewritten(cursor: string, before: Page, after: Page): boolean {
  if (before.rows.length === 0) return false;
  const oldest = after.rows.at(-1)?.timestamp;
  const newest = before.rows[0]?.timestamp;
  if (oldest === undefined || newest === undefined) return true;
  const shared = (page: Page) =>
    page.rows.filter(({ timestamp }) => oldest <= timestamp && timestamp <= newest);
  const [old, renewed] = [shared(before), shared(after)];
  return (
    old.length === 0 ||
    old.length !== renewed.length ||
    old.some((row, index) => {
      const other = renewed[index];
      if (row.timestamp !== other?.timestamp) return true;
      const isNewest = cursor === FIRST_CURSOR && index === 0 && old.length > 1;
      return (
        !isNewest && COLUMNS[before.market].some(({ valueIn }) => !Object.is(valueIn(row), valueIn(other)))
      );
    })
  );
}
