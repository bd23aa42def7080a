import { client } from "./generated/client.gen.ts";
import { getHistory, getLatest, getPage } from "./generated/index.ts";

/** Prints a page, a history, the newest rows of several symbols, and an error, with the client of Hey API. */

const { SHORT_INTEREST_URL = "http://localhost:8787", SHORT_INTEREST_API_KEY } = process.env;

client.setConfig({
  baseUrl: SHORT_INTEREST_URL,
  ...(SHORT_INTEREST_API_KEY && { auth: SHORT_INTEREST_API_KEY }),
});

const page = await getPage({ path: { symbol: "HK.00700" }, query: { num: 2 } });
if (!page.data) throw new Error("The page failed", { cause: page.error });
if (page.data.market === "HK") {
  for (const row of page.data.items) console.log(row.timestamp_str, row.aggregated_short);
}

const history = await getHistory({
  path: { symbol: "US.AAPL" },
  query: { from: "2026-03-01", order: "asc" },
});
if (!history.data) throw new Error("The history failed", { cause: history.error });
console.log("rows:", history.data.items.length, "complete:", history.data.complete);

const latest = await getLatest({ query: { symbols: ["HK.00700", "US.NOSUCH"] } });
for (const { symbol, change, error } of latest.data?.items ?? []) {
  console.log(symbol, error?.code ?? change?.percent);
}

const unknown = await getPage({ path: { symbol: "US.NOSUCH" } });
console.log(unknown.response?.status, unknown.error?.code);
