import { Failure, QUOTA_CODES } from "../../../functions/errors.ts";
import { FIRST_CURSOR, MAX_ROWS, type Row } from "../../../functions/short-interest/page.ts";
import type { Market, SecuritySymbol } from "../../../functions/short-interest/symbol.ts";
import type { S2C } from "../../../gen/Qot_GetShortInterest_pb.js";
import { type CallPage, hasNoPermit } from "../page-call.ts";

/**
 * The calls of a report: at most `MAX_CALLS`. The first two are the first pages of a stock of each market. One of the two,
 * Hong Kong's if possible, is then asked for its next page with another `num`, for the rows after a time between two rows,
 * and with an invented cursor. The last three are first pages again: of a made-up code, a fund, and a stock that was listed
 * so recently that its first page is probably its last one.
 */
export const MAX_CALLS = 8;

export type Kind = "first page" | "next page" | "between two rows" | "invented cursor";

/** One call of a report. */
export interface Question {
  readonly kind: Kind;
  readonly subject: "stock" | "made-up code" | "fund" | "recent listing";
  readonly symbol: SecuritySymbol;
  readonly cursor: string;
  readonly num: number;
}

export interface Observation {
  readonly question: Question;
  readonly answer: S2C | Failure;
}

const STOCKS = { HK: { market: "HK", code: "00700" }, US: { market: "US", code: "AAPL" } } as const;
const FUND = { market: "HK", code: "02800" } as const;
const RECENT_LISTING = { market: "US", code: "KLAR" } as const;
/** US tickers have no digits. No security of Hong Kong has the other code. */
const MADE_UP = { HK: { market: "HK", code: "99999" }, US: { market: "US", code: "ZZZZ9" } } as const;
export const ASKED_SYMBOLS = [STOCKS.HK, STOCKS.US, FUND, RECENT_LISTING, MADE_UP.HK, MADE_UP.US];

/** Fewer than `MAX_ROWS`, so that a cursor is tried with another `num` than that of its page. */
export const OTHER_NUM = 10;
/** The cursor between two rows is between this row and the next one. */
export const ROW_BEFORE_CURSOR = 4;
const INVENTED_CURSOR = "invented-cursor";

/**
 * Asks all questions in turn. Stops early at a used-up quota or without a permit.
 * @param call makes the calls
 * @param canAsk whether the session can still be used
 */
export async function askAll(call: CallPage, canAsk: () => boolean): Promise<Observation[]> {
  const observations: Observation[] = [];
  const ask = async (question: Question): Promise<boolean> => {
    if (!canAsk() || observations.length >= MAX_CALLS) return false;
    const answer = await call(question);
    // Without a permit there was no call.
    if (answer instanceof Failure && hasNoPermit(answer)) return false;
    observations.push({ question, answer });
    return !(answer instanceof Failure && QUOTA_CODES.has(answer.code));
  };
  for (const symbol of [STOCKS.HK, STOCKS.US]) {
    if (!(await ask(firstPage("stock", symbol)))) return observations;
  }
  for (const question of followUps(observations)) if (!(await ask(question))) break;
  return observations;
}

function followUps(firstPages: readonly Observation[]): Question[] {
  const primary = primaryOf(firstPages);
  const market: Market = primary?.question.symbol.market ?? "HK";
  return [
    ...(primary ? cursorQuestions(primary.question.symbol, primary.page) : []),
    firstPage("made-up code", MADE_UP[market]),
    firstPage("fund", FUND),
    firstPage("recent listing", RECENT_LISTING),
  ];
}

function cursorQuestions(symbol: SecuritySymbol, page: S2C): Question[] {
  const rows = rowsOf(symbol.market, page);
  const [before, after] = [rows[ROW_BEFORE_CURSOR], rows[ROW_BEFORE_CURSOR + 1]];
  const question = (kind: Kind, cursor: string): Question => {
    return { kind, subject: "stock", symbol, cursor, num: OTHER_NUM };
  };
  return [
    ...(isEndKey(page.nextKey) ? [] : [question("next page", page.nextKey)]),
    ...(before && after
      ? [question("between two rows", String((before.timestamp + after.timestamp) / 2n))]
      : []),
    question("invented cursor", INVENTED_CURSOR),
  ];
}

/** The first page whose cursors are tried: the first one that has a next page, or else rows. */
export function primaryOf(observations: readonly Observation[]) {
  const pages = observations.flatMap(({ question, answer }) => {
    const isPage = question.kind === "first page" && question.subject === "stock";
    return isPage && !(answer instanceof Failure) ? [{ question, page: answer }] : [];
  });
  const withRows = pages.filter(({ question, page }) => rowsOf(question.symbol.market, page).length > 0);
  return withRows.find(({ page }) => !isEndKey(page.nextKey)) ?? withRows[0];
}

function firstPage(subject: Question["subject"], symbol: SecuritySymbol): Question {
  return { kind: "first page", subject, symbol, cursor: FIRST_CURSOR, num: MAX_ROWS };
}

export function rowsOf(market: Market, { hkItemList, usItemList }: S2C): readonly Row[] {
  return market === "HK" ? hkItemList : usItemList;
}

/** Whether a cursor says that there are no more rows. An absent one reads as empty. */
export function isEndKey(nextKey: string): boolean {
  return nextKey === "" || nextKey === "-1";
}
