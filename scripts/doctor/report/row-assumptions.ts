import { Failure } from "../../../functions/errors.ts";
import type { Row } from "../../../functions/short-interest/page.ts";
import { expectedAfter, isCalendarTime } from "../../../functions/short-interest/publication-calendar.ts";
import { dateOf, formatSymbol, type Market } from "../../../functions/short-interest/symbol.ts";
import type { S2C } from "../../../gen/Qot_GetShortInterest_pb.js";
import { absentFieldsOf, dateOfRow, daysBetween } from "./facts.ts";
import { type Observation, type Question, rowsOf } from "./questions.ts";
import { type Assumption, type Fact, notSeen, type Seen, type Verdict, verdictOf } from "./verdict.ts";

const WEEK_MS = 7 * 86_400_000;
/** The part of the distances between rows that must fit. Holidays and gaps may not. */
const MIN_FITTING = 0.9;

/** The usual distance between two rows, in days. Holidays move a row. */
export const DAYS_APART: Readonly<Record<Market, { readonly min: number; readonly max: number }>> = {
  HK: { min: 4, max: 10 },
  US: { min: 12, max: 19 },
};

interface SeenPage {
  readonly question: Question;
  readonly market: Market;
  readonly name: string;
  readonly page: S2C;
  readonly rows: readonly Row[];
}

/** The replies that are pages. */
export function pagesOf(observations: readonly Observation[]): SeenPage[] {
  return observations.flatMap(({ question, answer }) => {
    if (answer instanceof Failure) return [];
    const { symbol, kind } = question;
    const name = kind === "first page" ? formatSymbol(symbol) : `${formatSymbol(symbol)} (${kind})`;
    return [{ question, market: symbol.market, name, page: answer, rows: rowsOf(symbol.market, answer) }];
  });
}

const NO_ROWS = "no rows";
const withRows = ({ observations }: Seen) => pagesOf(observations).filter(({ rows }) => rows.length > 0);

export const ROW_ASSUMPTIONS: readonly Assumption[] = [
  {
    id: "market-list",
    statement: "Rows are in the list of their market.",
    otherwise: "Pages get the error opend_protocol_error.",
    judge: ({ observations }) =>
      verdictOf(
        pagesOf(observations)
          .filter(({ page }) => page.hkItemList.length + page.usItemList.length > 0)
          .map(({ name, page, rows }) => {
            const others = page.hkItemList.length + page.usItemList.length - rows.length;
            return {
              holds: others === 0,
              evidence: `${name}: ${rows.length} rows, ${others} in the other list`,
            };
          }),
        NO_ROWS,
      ),
  },
  {
    id: "newest-first",
    statement: "Rows are ordered by descending timestamps, each once.",
    otherwise: "Pages are not sliced; each num is fetched by itself.",
    judge: (seen) =>
      verdictOf(
        withRows(seen).map(({ name, rows }) => {
          const wrong = rows.filter(
            (row, index) => row.timestamp >= (rows[index - 1]?.timestamp ?? row.timestamp + 1n),
          );
          return {
            holds: wrong.length === 0,
            evidence: `${name}: ${wrong.length} of ${rows.length} rows out of order`,
          };
        }),
        NO_ROWS,
      ),
  },
  {
    id: "timestamp",
    statement: "A timestamp is midnight of timestampStr in the time zone of the market.",
    otherwise: "Clients see dates and timestamps that differ; freshness may be wrong by a day.",
    judge: (seen) =>
      verdictOf(
        withRows(seen).map(({ market, name, rows }) => {
          const wrong = rows.filter((row) => !isMidnight(market, row)).length;
          return { holds: wrong === 0, evidence: `${name}: ${wrong} of ${rows.length} rows differ` };
        }),
        NO_ROWS,
      ),
  },
  {
    id: "all-fields",
    statement: "Rows have all documented fields.",
    otherwise: "No effect: an absent field is null.",
    judge: (seen) =>
      verdictOf(
        withRows(seen).map(({ market, name, rows }) => {
          const absent = Object.entries(absentFieldsOf(market, rows)).map(
            ([field, count]) => `${field} in ${count}`,
          );
          const evidence = absent.length === 0 ? "none" : absent.join(", ");
          return {
            holds: absent.length === 0,
            evidence: `${name}: absent of ${rows.length} rows: ${evidence}`,
          };
        }),
        NO_ROWS,
      ),
  },
  {
    id: "hk-weekly",
    statement: "Rows of Hong Kong are a week apart.",
    otherwise: "Pages of Hong Kong are refreshed at wrong times.",
    judge: (seen) => judgeSpacing(seen, "HK"),
  },
  {
    id: "us-half-monthly",
    statement: "Rows of the US are half a month apart.",
    otherwise: "Pages of the US are refreshed at wrong times.",
    judge: (seen) => judgeSpacing(seen, "US"),
  },
  {
    id: "hk-calendar",
    statement: "Rows of Hong Kong appear when the publication calendar expects them, or up to a week later.",
    otherwise: "Pages of Hong Kong are refreshed hourly for a week, and then rarely.",
    judge: (seen) => judgeCalendar(seen, "HK"),
  },
  {
    id: "us-calendar",
    statement: "Rows of the US appear when the publication calendar expects them, or up to a week later.",
    otherwise: "Pages of the US are refreshed hourly for a week, and then rarely.",
    judge: (seen) => judgeCalendar(seen, "US"),
  },
];

function isMidnight(market: Market, { timestamp, timestampStr }: Row): boolean {
  if (!isCalendarTime(Number(timestamp))) return false;
  return dateOf(market, timestamp) === timestampStr && dateOf(market, timestamp - 1n) !== timestampStr;
}

function judgeSpacing({ observations }: Seen, market: Market): Verdict {
  const { min, max } = DAYS_APART[market];
  const facts = pagesOf(observations)
    .filter((page) => page.market === market && page.rows.length > 1)
    .map(({ name, rows }): Fact => {
      const days = daysBetween(rows);
      const fitting = days.filter((distance) => distance >= min && distance <= max).length;
      const evidence = `${name}: ${fitting} of ${days.length} distances are ${min} to ${max} days`;
      return { holds: fitting >= MIN_FITTING * days.length, evidence };
    });
  return verdictOf(facts, `no two rows of ${market}`);
}

/** The newest row of a market, which the row before it precedes. */
function judgeCalendar({ observations, now }: Seen, market: Market): Verdict {
  const [newest] = pagesOf(observations)
    .filter((page) => page.market === market && page.question.kind === "first page")
    .filter(({ rows }) => rows.length > 1 && rows.slice(0, 2).every(hasCalendarTime))
    .sort((one, other) => Number((other.rows[0]?.timestamp ?? 0n) - (one.rows[0]?.timestamp ?? 0n)));
  const [row, older] = newest?.rows ?? [];
  if (!row || !older) return notSeen(`no two rows of ${market}`);
  const expected = expectedAfter(market, Number(row.timestamp), 1);
  const published = expectedAfter(market, Number(older.timestamp), 1);
  const day = (ms: number) => new Date(ms).toISOString().slice(0, 10);
  const evidence = `the newest row is ${dateOfRow(market, row)}, expected on ${day(published)}, and the next one is expected on ${day(expected)}`;
  return verdictOf([{ holds: now >= published && now <= expected + WEEK_MS, evidence }], "");
}

const hasCalendarTime = ({ timestamp }: Row) => isCalendarTime(Number(timestamp));
