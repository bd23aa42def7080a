import { VirtualRedis } from "../model/redis/virtual-redis.ts";
import type { Report } from "./report.ts";
import { BOUNDS } from "./week/bounds.ts";
import { RULE } from "./week/data-center.ts";
import { NEW, POLICIES } from "./week/policies.ts";
import { ON_TIME_WEEK, SCENARIOS } from "./week/publication-plan.ts";
import { OUTAGE_DATA_CENTERS, OUTAGE_SYMBOLS, simulateOutage } from "./week/simulate-outage.ts";
import { DATA_CENTERS, REQUESTS, SYMBOLS, simulateWeek, type WeekResult } from "./week/simulate-week.ts";
import { costTable, latenessTable, type OutageRow, outageTable, type WeekRow } from "./week/tables.ts";

const HOUR = 3_600_000;
/** So many that most isolates get few requests. */
const MANY_DATA_CENTERS = 200;

/**
 * Simulates weeks and an outage on a virtual clock, for each policy. The Worker's code and its Redis scripts are real.
 * The Cache API, Redis and OpenD are simulated in memory.
 */
export async function benchWeek(report: Report): Promise<void> {
  const redis = await VirtualRedis.create();
  const weeks: WeekRow[] = [];
  for (const scenario of SCENARIOS) {
    for (const { name, policy } of POLICIES) {
      const result = await simulateWeek(scenario, policy, redis);
      weeks.push({ scenario: scenario.name, policy: name, result });
      if (result.maxCallsInWindow > RULE.limit) report.fail("the rate limit did not hold");
      if (result.refused.size > 0) report.fail(`refused: ${[...result.refused.keys()].join(", ")}`);
    }
  }
  report.line(
    `${REQUESTS} requests, Zipf over ${SYMBOLS} symbols, ${DATA_CENTERS} data centers, cold caches`,
  );
  for (const line of ["", ...costTable(weeks), "", ...latenessTable(weeks), ""]) report.line(line);

  const startedAt = performance.now();
  const wide = await simulateWeek(ON_TIME_WEEK, NEW.policy, redis, { dataCenters: MANY_DATA_CENTERS });
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(0);
  report.line(`The same week on time with ${MANY_DATA_CENTERS} data centers, simulated in ${seconds} s:`);
  report.line(
    `${wide.calls} calls, ${wide.connectionsAhead} connections opened ahead, ${wide.unusedConnections} unused`,
  );
  report.line("");

  const outages: OutageRow[] = [];
  for (const { name, policy } of POLICIES) {
    const result = await simulateOutage(policy, redis);
    outages.push({ policy: name, result });
    if (result.outage.unanswered > 0) report.fail("a cached page was not answered during the outage");
  }
  report.line(
    `OpenD down for an hour, in which rows are published; ${OUTAGE_SYMBOLS} symbols in each of ${OUTAGE_DATA_CENTERS} data centers`,
  );
  for (const line of ["", ...outageTable(outages)]) report.line(line);

  const ofPolicy = weeks.filter(({ policy }) => policy === NEW.name).map(({ result }) => result);
  const ratios = outages.filter(({ policy }) => policy === NEW.name).map(({ result }) => result.ratio);
  const compare = (figure: string, values: number[], max: number, unit = "") =>
    report.compare({ name: figure, value: Math.max(...values), unit: ["", unit], target: { max } });
  compare(
    "calls of a week",
    ofPolicy.map(({ calls }) => calls),
    BOUNDS.calls,
  );
  compare(
    "Redis commands of a week",
    ofPolicy.map(({ commands }) => commands),
    BOUNDS.commands,
  );
  const unusedRatio = ({ calls, unusedConnections }: WeekResult) => unusedConnections / calls;
  const { unusedConnections } = BOUNDS;
  compare(
    `unused connections for each call, ${DATA_CENTERS} data centers`,
    ofPolicy.map(unusedRatio),
    unusedConnections,
  );
  compare(
    `unused connections for each call, ${MANY_DATA_CENTERS} data centers`,
    [unusedRatio(wide)],
    unusedConnections,
  );
  const hours = (kind: "expected" | "early") => ofPolicy.map(({ lateness }) => lateness.fresh[kind] / HOUR);
  compare("fresh answer behind an expected row", hours("expected"), BOUNDS.expectedLatenessMs / HOUR, " h");
  compare("fresh answer behind an early row", hours("early"), BOUNDS.earlyLatenessMs / HOUR, " h");
  compare("Redis commands in an outage, to a healthy hour", ratios, BOUNDS.outageRatio, " ×");
  report.explain(
    "A `look` reads the shared cache; a `store` writes it, with the settlement of the permit. Lateness is the time from a " +
      "publication to an answer without its row, at most. A row is early if the calendar did not expect it yet. An answer " +
      "is fresh or stale as it is marked. Redis and OpenD answer at once, and requests do not overlap.",
  );
}
