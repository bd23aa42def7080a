import type { Profile } from "./sample-walk.ts";

/** The sample securities. Their values at row 0 are plausible but invented, except those of HK.00700. */

/** A sample history. */
export interface Sample extends Profile {
  /** The number of rows up to row 0, of 2026-04-30. */
  readonly rows: number;
  /** No row lacks a column. Otherwise the oldest rows of a US security do. */
  readonly isComplete?: boolean;
}

/** An invented security: `NEWLY`, `T0`, … */
export const LISTED: Sample = {
  rows: 60,
  price: 86.4,
  digits: 2,
  shares: 21_408_355,
  outstanding: 950e6,
  volume: 9_316_204,
  dailyMove: 0.02,
};

export const HK_SAMPLES: Readonly<Record<string, Sample>> = {
  "00700": sample(250, 467.8, 51_480_638, 9.2e9, 21_000_000, 0.02, 1),
  "09988": sample(120, 131.6, 322_415_906, 19.1e9, 85_000_000, 0.025, 1),
  "02800": sample(60, 26.18, 241_907_500, 5.6e9, 310_000_000, 0.013), // a fund
};

export const US_SAMPLES: Readonly<Record<string, Sample>> = {
  AAPL: sample(130, 271.35, 112_493_517, 14.7e9, 47_216_880, 0.016),
  TSLA: sample(130, 381.26, 77_350_942, 2.83e9, 66_804_115, 0.031),
  "BRK.B": sample(75, 476.8, 17_624_308, 1.38e9, 4_531_692, 0.011),
  SPY: sample(110, 684.12, 128_906_471, 1.06e9, 71_325_094, 0.0095), // a fund
  KLAR: { ...sample(15, 17.43, 14_582_660, 377e6, 3_905_718, 0.04), isComplete: true }, // listed recently
  NEWLY: { ...LISTED, rows: 3 },
  NONE: { ...LISTED, rows: 0 },
  HUGE: { ...LISTED, rows: 2 },
};
function sample(
  rows: number,
  price: number,
  shares: number,
  outstanding: number,
  volume: number,
  dailyMove: number,
  digits = 2,
): Sample {
  return { rows, price, digits, shares, outstanding, volume, dailyMove };
}
