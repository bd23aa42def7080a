import {
  EDGE_TRUST_MS,
  EDGE_TRUST_SPREAD_MS,
  MAX_UNCONFIRMED_MS,
} from "../../functions/page-source/freshness.ts";
import { COMMAND_COSTS, type CostEvent } from "./command-costs.ts";

const DAY_MS = 86_400_000;
const DAYS = 30;
/** Of Upstash. */
const FREE_COMMANDS = 500_000;
const DOLLARS_PER_COMMAND = 0.2 / 100_000;
/** The triggers in `wrangler.toml` run the poller every 15 minutes. */
const POLLER_RUNS_PER_DAY = 96;

/** What a symbol causes at most whose first page is requested all day at each data center, while no row is due. */
const USAGE = {
  /** Refreshes of the page for all data centers together. Other symbols of the market save some of them. */
  refreshesPerDay: DAY_MS / MAX_UNCONFIRMED_MS,
  /** Reads of the shared copy by one data center. */
  looksPerDay: DAY_MS / (EDGE_TRUST_MS - EDGE_TRUST_SPREAD_MS),
};

const EVENTS: Readonly<Record<CostEvent, string>> = {
  coldPage: "The first page of a new symbol",
  preparedColdPage: "The same, prepared while the shared cache is read",
  refreshUnchanged: "Refresh of a stale page, with the same rows",
  refreshWithNewRow: "Refresh of a stale page, with a new row",
  edgeHit: "Fresh page of the edge cache",
  edgeHitWithFirstSeen: "The same with `include=first_seen_at`",
  edgeHitWithFirstSeenAgain: "The same for other rows of the page, in the same isolate",
  look: "Read of the shared copy by a data center",
  lookWithUnusedFetch: "The same, with a prepared fetch that is not used",
  lookByCursor: "Read of the shared copy for rows within a stored page",
  refused: "Page refused because the limit is reached",
  refusedAgain: "The same while the data center remembers the refusal",
  circuitOpen: "Page that is not cached, while the circuit breaker is open",
  circuitOpenStale: "Stale page for a data center without a copy, while it is open",
  unknownSymbol: "Unknown symbol",
  pollerIdle: "Run of the poller with nothing due",
  pollerWithSymbol: "Run of the poller that fetches the page of one symbol",
  replay: "Replay of missed messages of a webhook, however many",
  replayOfNothing: "The same without missed messages",
  metrics: "Request for `/metrics`",
};

/** Commands a month of one symbol that is requested all day at each data center. */
export function commandsPerMonth(dataCenters: number): number {
  const { refreshUnchanged, look } = COMMAND_COSTS;
  const { refreshesPerDay, looksPerDay } = USAGE;
  return Math.ceil(DAYS * (refreshesPerDay * refreshUnchanged + dataCenters * looksPerDay * look));
}

/** The tables of costs in `docs/deploy.md`, as Markdown. `npm run bench -- cost` writes them. */
export function costTables(): string {
  const events = Object.entries(EVENTS).map(([event, name]) => [
    name,
    String(COMMAND_COSTS[event as CostEvent]),
  ]);
  const months = [1, 10, 300].map((dataCenters) => {
    const commands = commandsPerMonth(dataCenters);
    return [
      String(dataCenters),
      commands.toLocaleString("en"),
      Math.floor(FREE_COMMANDS / commands).toLocaleString("en"),
      (100 * commands * DOLLARS_PER_COMMAND).toLocaleString("en", { style: "currency", currency: "USD" }),
    ];
  });
  const { refreshesPerDay, looksPerDay } = USAGE;
  const pollerCommands = DAYS * POLLER_RUNS_PER_DAY * COMMAND_COSTS.pollerIdle;
  return [
    table(["Event", "Commands"], events),
    `A month of symbols whose first page is requested all day at each data center, with ${perDay(refreshesPerDay)} refreshes a day
and ${perDay(looksPerDay)} reads of the shared copy at each data center:`,
    table(
      [
        "Data centers",
        "Commands of one symbol",
        `Symbols in the free plan (${FREE_COMMANDS.toLocaleString("en")} commands)`,
        "100 symbols, pay-as-you-go ($0.20 for 100,000 commands)",
      ],
      months,
    ),
    `The poller adds ${pollerCommands.toLocaleString("en")} commands a month while nothing is due.`,
  ].join("\n\n");
}

function perDay(times: number): string {
  return Number.isInteger(times) ? String(times) : times.toFixed(1);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

export const COST_DOCUMENT = "docs/deploy.md";
const [BEGIN, END] = ["<!-- cost:begin -->", "<!-- cost:end -->"];

/** Replaces the tables in the text of `COST_DOCUMENT`. */
export function withCostTables(text: string): string {
  const [before, rest, ...more] = text.split(BEGIN);
  const [, after] = rest?.split(END) ?? [];
  if (before === undefined || after === undefined || more.length > 0) {
    throw new Error(`${COST_DOCUMENT} has no place for the tables of costs`);
  }
  return `${before}${BEGIN}\n\n${costTables()}\n\n${END}${after}`;
}
