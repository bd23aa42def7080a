import { readFileSync } from "node:fs";
import { parser } from "@prometheus-io/lezer-promql";
import { array, object, parse, string } from "valibot";
import { describe, expect, it } from "vitest";
import { GAUGES } from "../../functions/routes/metrics.ts";
import { COUNTERS } from "../../functions/telemetry/counters.ts";

/** The dashboard of docs/operations.md queries only metrics and labels that /metrics has. */

const PREFIX = "short_interest_";
/** Labels and metrics that Prometheus adds to each scrape. */
const OF_SCRAPE = { labels: ["job", "instance"], metrics: ["up"] };

const Dashboard = object({
  templating: object({ list: array(object({ name: string() })) }),
  panels: array(
    object({ title: string(), targets: array(object({ expr: string(), legendFormat: string() })) }),
  ),
});
const { panels, templating } = parse(
  Dashboard,
  JSON.parse(readFileSync("docs/grafana-dashboard.json", "utf8")),
);
const targets = panels.flatMap(({ targets }) => targets);

/** The label of each metric; undefined if it has none. */
const labels = new Map<string, string | undefined>([
  ...Object.entries<{ readonly help: string; readonly label?: string }>(COUNTERS).map(
    ([name, { label }]) => [PREFIX + name, label] as const,
  ),
  ...Object.keys(GAUGES).map((name) => [PREFIX + name, undefined] as const),
]);

/** The texts of the nodes of a query that have this name in PromQL's grammar. */
function nodesOf(expr: string, name: string): string[] {
  const found: string[] = [];
  parser.parse(expr).iterate({
    enter(node) {
      if (node.name === name) found.push(expr.slice(node.from, node.to));
    },
  });
  return found;
}

describe("Grafana dashboard", () => {
  it.each(targets)(
    "query $expr is valid PromQL, of metrics and labels that exist",
    ({ expr, legendFormat }) => {
      expect(nodesOf(expr, "⚠")).toEqual([]);
      const metrics = nodesOf(expr, "Identifier");
      expect(metrics).toHaveLength(1);
      const [metric = ""] = metrics;
      expect([...labels.keys(), ...OF_SCRAPE.metrics]).toContain(metric);
      const inLegend = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = ""]) => label);
      for (const label of [...nodesOf(expr, "LabelName"), ...inLegend]) {
        expect([labels.get(metric), ...OF_SCRAPE.labels]).toContain(label);
      }
      // A counter is shown as a rate, a gauge is not.
      const isCounter = metric.endsWith("_total");
      expect(nodesOf(expr, "FunctionIdentifier")).toEqual(isCounter ? ["increase"] : []);
    },
  );

  it("shows every metric", () => {
    const shown = new Set(targets.flatMap(({ expr }) => nodesOf(expr, "Identifier")));
    expect([...labels.keys()].filter((metric) => !shown.has(metric))).toEqual([]);
  });

  it("uses only variables that it defines", () => {
    const defined = templating.list.map(({ name }) => name);
    const used = targets.flatMap(({ expr }) => [...expr.matchAll(/\$\{?(\w+)/g)].map(([, name]) => name));
    expect(defined).toEqual(expect.arrayContaining([...new Set(used)]));
  });
});
