import type { OutageResult } from "./simulate-outage.ts";
import type { WeekResult } from "./simulate-week.ts";

const HOUR = 3_600_000;

export interface WeekRow {
  readonly scenario: string;
  readonly policy: string;
  readonly result: WeekResult;
}

export interface OutageRow {
  readonly policy: string;
  readonly result: OutageResult;
}

/** Calls, Redis commands and answers of each week. */
export function costTable(rows: readonly WeekRow[]): string[] {
  return table([
    [
      "week",
      "policy",
      "calls",
      "in 30 s",
      "ahead",
      "unused",
      "commands",
      "look",
      "store",
      "permit",
      "counter",
      "stale",
      "refused",
    ],
    ...rows.map(({ scenario, policy, result }) => {
      const { look, store, permit, counter } = result.commandsByPurpose;
      const refused = [...result.refused.values()].reduce((total, count) => total + count, 0);
      const { calls, maxCallsInWindow, connectionsAhead, unusedConnections } = result;
      const connections = [connectionsAhead, unusedConnections];
      const commands = [result.commands, look, store, permit, counter];
      const counts = [calls, maxCallsInWindow, ...connections, ...commands, result.staleAnswers, refused];
      return [scenario, policy, ...counts.map(String)];
    }),
  ]);
}

/** How far answers of each week are behind, at most. */
export function latenessTable(rows: readonly WeekRow[]): string[] {
  return table([
    ["hours behind", "policy", "fresh, expected", "fresh, early", "stale, expected", "stale, early"],
    ...rows.map(({ scenario, policy, result: { lateness } }) => {
      const { fresh, stale } = lateness;
      const times = [fresh.expected, fresh.early, stale.expected, stale.early];
      return [scenario, policy, ...times.map((ms) => (ms / HOUR).toFixed(2))];
    }),
  ]);
}

const HOURS = { healthy: "before", withoutOutage: "without outage", outage: "outage" } as const;

/** The healthy hours and the outage of each policy. */
export function outageTable(rows: readonly OutageRow[]): string[] {
  return table([
    ["hour", "policy", "requests", "calls", "commands", "in 1 s", "stale", "no answer"],
    ...rows.flatMap(({ policy, result }) =>
      (["healthy", "withoutOutage", "outage"] as const).map((name) => {
        const { requests, calls, commands, maxCommandsInSecond, staleAnswers, unanswered } = result[name];
        const counts = [requests, calls, commands, maxCommandsInSecond, staleAnswers, unanswered];
        return [HOURS[name], policy, ...counts.map(String)];
      }),
    ),
  ]);
}

/** Aligns the first two columns to the left, and all others to the right. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? "").length)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return column < 2 ? cell.padEnd(width) : cell.padStart(width);
      })
      .join("  "),
  );
}
