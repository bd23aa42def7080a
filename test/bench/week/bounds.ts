const HOUR = 3_600_000;

/** What the calendar's policy must hold in the simulated week and outage. */
export const BOUNDS = {
  calls: 4_500,
  commands: 120_000,
  /** Connections that were opened ahead and not used, for each call. */
  unusedConnections: 0.05,
  /** An answer that is marked fresh is at most this far behind an expected publication, in milliseconds. */
  expectedLatenessMs: HOUR,
  /** The same for a publication that came early. */
  earlyLatenessMs: 6 * HOUR,
  /** Commands in an outage for each one of a healthy hour. */
  outageRatio: 2,
} as const;
