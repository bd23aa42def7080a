import { Failure } from "../../../functions/errors.ts";
import { isServerFailure } from "../../../functions/opend/errors.ts";
import { daysBetween, describeNextKey } from "./facts.ts";
import { isEndKey, type Kind, OTHER_NUM, primaryOf, ROW_BEFORE_CURSOR, rowsOf } from "./questions.ts";
import { DAYS_APART, pagesOf } from "./row-assumptions.ts";
import {
  type Assumption,
  confirmed,
  contradicted,
  notSeen,
  type Seen,
  type Verdict,
  verdict,
  verdictOf,
} from "./verdict.ts";

/** What the code assumes about `nextKey`. */
export const CURSOR_ASSUMPTIONS: readonly Assumption[] = [
  {
    id: "next-key",
    statement: "nextKey is the timestamp of the last row.",
    otherwise: "The service adds timestamps to OpenD's cursors, and fetches whole pages only.",
    judge: ({ observations }) =>
      verdictOf(
        pagesOf(observations)
          .filter(({ page }) => !isEndKey(page.nextKey))
          .map(({ name, page, rows }) => {
            const kind = describeNextKey(rows, page);
            return { holds: kind === "timestamp of the last row", evidence: `${name}: ${kind}` };
          }),
        "no page with a next page",
      ),
  },
  {
    id: "any-num",
    statement: "A cursor leads to the rows that follow, with any num.",
    otherwise:
      "The service fetches all pages with num 50 if cursors are no timestamps, so walks are complete.",
    judge: judgeNextPage,
  },
  {
    id: "full-pages",
    statement: "A page has num rows if another page follows.",
    otherwise: "No effect on complete walks: the cursor decides whether rows follow.",
    judge: ({ observations }) =>
      verdictOf(
        pagesOf(observations)
          .filter(({ page }) => !isEndKey(page.nextKey))
          .map(({ name, rows, question: { num } }) => {
            return { holds: rows.length === num, evidence: `${name}: ${rows.length} rows for num ${num}` };
          }),
        "no page with a next page",
      ),
  },
  {
    id: "end-key",
    statement: 'nextKey is "-1" after the last page.',
    otherwise: "No effect: an empty or absent nextKey is the end as well.",
    judge: ({ observations }) =>
      verdictOf(
        pagesOf(observations)
          .filter(({ page }) => isEndKey(page.nextKey))
          .map(({ name, page, rows }) => {
            const kind = describeNextKey(rows, page);
            return { holds: kind === "-1", evidence: `${name}: ${kind}` };
          }),
        "no last page",
      ),
  },
  {
    id: "between-rows",
    statement: "A time between two rows is a valid cursor: the older rows follow.",
    otherwise:
      "No effect: the service sends only cursors of rows that exist. A client's invented ones may fail.",
    judge: judgeBetweenRows,
  },
  {
    id: "invented-cursor",
    statement: "OpenD refuses an invented cursor.",
    otherwise: "A client's invented cursor gets the rows that OpenD sends.",
    judge(seen) {
      const answer = answerTo(seen, "invented cursor");
      if (answer === undefined) return notSeen("not asked");
      if (!(answer instanceof Failure)) {
        const count = answer.hkItemList.length + answer.usItemList.length;
        return contradicted(`a success with ${count} rows`);
      }
      return refusesCursor(answer) ? confirmed(refusalOf(seen, answer)) : notSeen(answer.code);
    },
  },
];

function answerTo({ observations }: Seen, kind: Kind) {
  return observations.find(({ question }) => question.kind === kind)?.answer;
}

/** Whether OpenD refused the cursor in a reply, and not the call for another reason. */
function refusesCursor({ code, opendReply }: Failure): boolean {
  if (opendReply?.retType === undefined || isServerFailure(opendReply)) return false;
  return code === "opend_failed" || code === "unknown_symbol";
}

function refusalOf({ describe }: Seen, failure: Failure): string {
  const { code, text } = describe(failure);
  return text ? `refused with ${code}: "${text}"` : `refused with ${code}`;
}

function judgeNextPage(seen: Seen): Verdict {
  const [primary, answer] = [primaryOf(seen.observations), answerTo(seen, "next page")];
  if (!primary || answer === undefined) return notSeen("not asked");
  if (answer instanceof Failure) {
    return refusesCursor(answer) ? contradicted(refusalOf(seen, answer)) : notSeen(answer.code);
  }
  const { market } = primary.question.symbol;
  const rows = rowsOf(market, primary.page);
  const [last, next] = [rows.at(-1), rowsOf(market, answer)[0]];
  if (!last || !next) return contradicted("the next page has no rows");
  const [days = 0] = daysBetween([last, next]);
  const evidence = `num ${OTHER_NUM} after num ${primary.question.num}: its first row is ${days} days older than the last row before`;
  if (days <= 0) return contradicted(evidence);
  const { min, max } = DAYS_APART[market];
  // A gap in the history cannot be told from rows that were skipped.
  return days >= min && days <= max ? confirmed(evidence) : notSeen(evidence);
}

function judgeBetweenRows(seen: Seen): Verdict {
  const [primary, answer] = [primaryOf(seen.observations), answerTo(seen, "between two rows")];
  if (!primary || answer === undefined) return notSeen("not asked");
  if (answer instanceof Failure) {
    return refusesCursor(answer) ? contradicted(refusalOf(seen, answer)) : notSeen(answer.code);
  }
  const { market } = primary.question.symbol;
  const from = ROW_BEFORE_CURSOR + 1;
  const rows = rowsOf(market, answer);
  const expected = rowsOf(market, primary.page).slice(from, from + Math.max(1, rows.length));
  const matching = expected.filter(({ timestamp }, index) => rows[index]?.timestamp === timestamp).length;
  return verdict(
    matching === expected.length,
    `${matching} of ${expected.length} expected rows in a page of ${rows.length}`,
  );
}
