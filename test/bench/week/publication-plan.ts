import { expectedAfter } from "../../../functions/short-interest/publication-calendar.ts";
import type { Market } from "../../../functions/short-interest/symbol.ts";
import {
  FINRA_CYCLES,
  NEXT_FRIDAY,
  newYorkOffset,
  type Publication,
  sfcWeeks,
} from "../../short-interest/publications.ts";

const DAY = 86_400_000;

/** A row of every symbol of a market. */
export interface PlannedRow {
  /** Unix time in seconds. */
  readonly timestamp: number;
  /** Unix time in milliseconds. */
  readonly published: number;
  /** Whether the calendar expected the row at its publication or before. */
  readonly isExpected: boolean;
}

/** The rows of each market, the newest last. */
export type PublicationPlan = Readonly<Record<Market, readonly PlannedRow[]>>;

/** A week with a publication in each market. */
export interface Scenario {
  readonly name: string;
  /** When the week begins: Unix time in milliseconds. */
  readonly start: number;
  readonly plan: PublicationPlan;
}

/** US rows that OpenD has only for the end of a month. */
const MONTHLY = FINRA_CYCLES.filter(({ nominal }) => !nominal.endsWith("15"));

/** The rows of both markets, published as the calendars say. */
export const ON_TIME = planOf(FINRA_CYCLES);

export const ON_TIME_WEEK: Scenario = { name: "on time", start: Date.UTC(2026, 2, 9), plan: ON_TIME };

/**
 * The scenarios of the issue. In the week of 2026-03-09, US rows of 2026-02-27 are published on Tuesday, and Hong Kong
 * rows of 2026-03-06 on Friday. In the holiday week, US rows of 2025-12-15 are published on Wednesday, and Hong Kong rows
 * of 2025-12-19 on Monday, because that Friday is a holiday.
 */
export const SCENARIOS: readonly Scenario[] = [
  ON_TIME_WEEK,
  { name: "three days early", start: Date.UTC(2026, 2, 5), plan: planOf(FINRA_CYCLES, -3 * DAY) },
  { name: "a week late", start: Date.UTC(2026, 2, 16), plan: planOf(FINRA_CYCLES, 7 * DAY) },
  { name: "monthly US rows", start: Date.UTC(2026, 2, 9), plan: planOf(MONTHLY) },
  { name: "holidays", start: Date.UTC(2025, 11, 23), plan: ON_TIME },
];

/** @param delay added to the time of each publication, in milliseconds */
function planOf(us: readonly Publication[], delay = 0): PublicationPlan {
  return { US: rowsOf("US", us, delay), HK: rowsOf("HK", sfcWeeks(NEXT_FRIDAY), delay) };
}

function rowsOf(market: Market, publications: readonly Publication[], delay: number): PlannedRow[] {
  const timestamps = publications.map(({ date }) => {
    const offset = market === "US" ? newYorkOffset(date) : "+08:00";
    return Date.parse(`${date}T00:00:00${offset}`) / 1_000;
  });
  return publications.map((publication, index) => {
    const published = publication.published + delay;
    const previous = timestamps[index - 1];
    const isExpected = previous === undefined || expectedAfter(market, previous, 1) <= published;
    return { timestamp: timestamps[index] ?? 0, published, isExpected };
  });
}
