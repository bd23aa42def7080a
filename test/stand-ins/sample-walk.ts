/** The level of a security at one of its rows, and the size of its moves. */
export interface Profile {
  /** Closing price. */
  readonly price: number;
  /** Digits of prices after the decimal point. */
  readonly digits: number;
  /** Shares that are sold short. */
  readonly shares: number;
  /** Shares of which they are a part. */
  readonly outstanding: number;
  /** Average daily volume, in shares. */
  readonly volume: number;
  /** Standard deviation of the daily return, such as 0.02. */
  readonly dailyMove: number;
}

/** The values of a row. */
export interface WalkRow {
  readonly closePrice: number;
  /** The close of the previous trading day. */
  readonly lastClosePrice: number;
  readonly shares: number;
  /** `shares` in percent of the outstanding shares. */
  readonly percent: number;
  readonly volume: number;
  /** `shares` divided by `volume`. */
  readonly daysToCover: number;
}

const DAY_MS = 86_400_000;
/** Prices grow by 8% a year, on average. */
const DAILY_TREND = 0.0003;
/** They return to their level by this part, in a row or a day: charts stay readable for decades. */
const PRICE_REVERSION_PER_ROW = 0.01;
const SHARES_REVERSION_PER_DAY = 0.006;
const VOLUME_REVERSION_PER_ROW = 0.6;
/** Short sellers buy back when the price rises, and volume grows with the move. */
const SHARES_PER_RETURN = -0.35;
const VOLUME_PER_MOVE = 1.5;
/** Standard deviations of the moves that the price does not explain. */
const DAILY_SHARES_NOISE = 0.009;
const VOLUME_NOISE_PER_ROW = 0.12;

/** The logarithms of a row's values, relative to their levels. */
interface Step {
  readonly close: number;
  readonly lastClose: number;
  readonly shares: number;
  readonly volume: number;
}

/**
 * A daily random walk of the price, read at the dates of rows and the trading days before them, with the short interest
 * and the volume that go with it. More dates at the end do not change the rows before them.
 * @param random returns numbers from 0 to 1
 * @param days dates of the rows, oldest first, as midnight UTC in milliseconds
 * @param anchor the index of the row that has the values of `profile`
 */
export function walk(
  random: () => number,
  days: readonly number[],
  anchor: number,
  profile: Profile,
): WalkRow[] {
  const normal = () => normalFrom(random);
  const steps: Step[] = [];
  let [close, trend, shares, volume] = [0, 0, 0, 0];
  for (const [index, day] of days.entries()) {
    const previousDay = days[index - 1] ?? day - DAY_MS;
    const tradingDays = Math.max(1, Math.round(((day - previousDay) / DAY_MS) * (5 / 7)));
    const between = Math.sqrt(tradingDays - 1);
    const lastClose = close * (1 - PRICE_REVERSION_PER_ROW) + profile.dailyMove * between * normal();
    const next = lastClose + profile.dailyMove * normal();
    const move = next - close;
    const noise = DAILY_SHARES_NOISE * Math.sqrt(tradingDays) * normal();
    shares += SHARES_PER_RETURN * move + noise - SHARES_REVERSION_PER_DAY * tradingDays * shares;
    volume += VOLUME_PER_MOVE * Math.abs(move) + VOLUME_NOISE_PER_ROW * normal();
    volume -= VOLUME_REVERSION_PER_ROW * volume;
    close = next;
    trend += DAILY_TREND * tradingDays;
    steps.push({ close: trend + close, lastClose: trend - DAILY_TREND + lastClose, shares, volume });
  }
  const base = steps[anchor];
  if (base === undefined) return [];
  return steps.map((step) => rowOf(step, base, profile));
}

function rowOf(step: Step, base: Step, profile: Profile): WalkRow {
  const shares = Math.round(profile.shares * Math.exp(step.shares - base.shares));
  const volume = Math.round(profile.volume * Math.exp(step.volume - base.volume));
  return {
    closePrice: round(profile.price * Math.exp(step.close - base.close), profile.digits),
    lastClosePrice: round(profile.price * Math.exp(step.lastClose - base.close), profile.digits),
    shares,
    percent: round((100 * shares) / profile.outstanding, 2),
    volume,
    daysToCover: round(shares / volume, 2),
  };
}

/** A number that is nearly normally distributed, with mean 0 and standard deviation 1. */
function normalFrom(random: () => number): number {
  return (random() + random() + random() + random() - 2) * Math.sqrt(3);
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
