import { readFile, writeFile } from "node:fs/promises";
import { COMMAND_COSTS, type CostEvent } from "../support/command-costs.ts";
import { COST_DOCUMENT, costTables, withCostTables } from "../support/cost-table.ts";
import type { Report } from "./report.ts";

const TARGETS: Partial<Record<CostEvent, number>> = {
  look: 2,
  lookByCursor: 2,
  coldPage: 16,
  refreshUnchanged: 16,
  refreshWithNewRow: 17,
  pollerIdle: 2,
};

/**
 * Prints the Redis commands of each event and their cost a month, and writes them into `COST_DOCUMENT`. A test measures
 * the commands: `test/page-source/command-cost.test.ts`.
 */
export async function benchCost(report: Report): Promise<void> {
  for (const [event, max] of Object.entries(TARGETS)) {
    const value = COMMAND_COSTS[event as CostEvent];
    report.compare({ name: `Redis commands of ${event}`, value, unit: ["", ""], target: { max } });
  }
  for (const line of costTables().split("\n")) report.line(line);
  await writeFile(COST_DOCUMENT, withCostTables(await readFile(COST_DOCUMENT, "utf8")));
}
