const DAY_MS = 86_400_000;
const [MONDAY, THURSDAY, FRIDAY] = [1, 4, 5];

/** Month and day of the month. */
const FIXED: readonly (readonly [month: number, date: number])[] = [
  [1, 1], // New Year's Day
  [6, 19], // Juneteenth
  [7, 4], // Independence Day
  [12, 25], // Christmas Day
];

/** Month, weekday, and the first day of the month on which the holiday can fall. */
const FLOATING: readonly (readonly [month: number, weekday: number, earliest: number])[] = [
  [1, MONDAY, 15], // Martin Luther King Day
  [2, MONDAY, 15], // Presidents' Day
  [5, MONDAY, 25], // Memorial Day
  [9, MONDAY, 1], // Labor Day
  [11, THURSDAY, 22], // Thanksgiving Day
];

/**
 * Whether the US stock exchanges are closed for a holiday (NYSE Rule 7.2). Columbus Day and Veterans Day are bank
 * holidays only. Unscheduled closures, such as a day of mourning, are not covered.
 * @param day midnight UTC of a date from Monday to Friday, in the years 1900 to 2099
 */
export function isUsExchangeHoliday(day: Date): boolean {
  const [month, date, weekday] = [day.getUTCMonth() + 1, day.getUTCDate(), day.getUTCDay()];
  // A Sunday holiday is observed on Monday, a Saturday holiday on Friday, except New Year's Day on December 31.
  const isFixed = FIXED.some(
    ([inMonth, onDate]) =>
      month === inMonth &&
      (date === onDate ||
        (weekday === MONDAY && date === onDate + 1) ||
        (weekday === FRIDAY && date === onDate - 1)),
  );
  const isFloating = FLOATING.some(
    ([inMonth, onWeekday, earliest]) =>
      month === inMonth && weekday === onWeekday && date >= earliest && date < earliest + 7,
  );
  return isFixed || isFloating || day.getTime() === goodFriday(day.getUTCFullYear());
}

/** Two days before Easter Sunday by Carter's algorithm. */
function goodFriday(year: number): number {
  const epact = (225 - 11 * (year % 19) - 21) % 30;
  const fullMoon = epact + 21 - (epact + 21 > 48 ? 1 : 0);
  const weekday = (year + Math.floor(year / 4) + fullMoon + 1) % 7;
  return Date.UTC(year, 2, fullMoon + 7 - weekday) - 2 * DAY_MS;
}
