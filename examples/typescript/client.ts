import createClient from "openapi-fetch";
import type { paths } from "./api.ts";

/** Prints a page, a history, the newest rows of several symbols, and an error. */

const { SHORT_INTEREST_URL = "http://localhost:8787", SHORT_INTEREST_API_KEY } = process.env;

// The second type argument selects the JSON representation of each response.
const client = createClient<paths, "application/json" | "application/problem+json">({
  baseUrl: SHORT_INTEREST_URL,
  headers: { "X-API-Key": SHORT_INTEREST_API_KEY },
});

const page = await client.GET("/v1/short-interest/{symbol}", {
  params: { path: { symbol: "HK.00700" }, query: { num: 2 } },
});
if (page.error) throw new Error(page.error.detail);
// `market` tells the two types of rows apart.
if (page.data.market === "HK") {
  for (const row of page.data.items) console.log(row.timestamp_str, row.aggregated_short);
}
console.log("next page:", page.data.next_key);

const history = await client.GET("/v1/short-interest/{symbol}/history", {
  params: { path: { symbol: "US.AAPL" }, query: { from: "2026-03-01", order: "asc" } },
});
if (history.error) throw new Error(history.error.detail);
if (history.data.market === "US") {
  for (const row of history.data.items) console.log(row.timestamp_str, row.days_to_cover);
}
// An incomplete history continues at its `next_key`.
console.log("complete:", history.data.complete);

const latest = await client.GET("/v1/short-interest", {
  params: { query: { symbols: ["HK.00700", "US.NOSUCH"] } },
});
if (latest.error) throw new Error(latest.error.detail);
for (const { symbol, change, error } of latest.data.items) {
  console.log(symbol, error?.code ?? change?.percent);
}

const unknown = await client.GET("/v1/short-interest/{symbol}", {
  params: { path: { symbol: "US.NOSUCH" } },
});
// `code` is stable. The texts may change.
console.log(unknown.response.status, unknown.error?.code);
