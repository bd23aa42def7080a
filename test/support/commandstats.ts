/** Commands of the connection and of the statistics, which Upstash does not bill. */
const NOT_BILLED = new Set(["client", "config", "hello", "info", "ping", "select"]);

/**
 * The calls of each command that Redis has run, including those inside scripts, as Upstash bills them.
 * @param info the reply to `INFO commandstats`
 */
export function parseCommandStats(info: string): Map<string, number> {
  const calls = [...info.matchAll(/^cmdstat_([^:|]+)[^:]*:calls=(\d+)/gm)];
  const counts = new Map<string, number>();
  for (const [, name = "", count] of calls) {
    if (!NOT_BILLED.has(name)) counts.set(name, (counts.get(name) ?? 0) + Number(count));
  }
  return counts;
}

/** The commands of all names together. */
export function totalOf(counts: ReadonlyMap<string, number>): number {
  return counts.values().reduce((total, count) => total + count, 0);
}
