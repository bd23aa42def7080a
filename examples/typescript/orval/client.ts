import { getHistory, getLatest, getPage } from "./generated.ts";

/** Prints a page, a history, the newest rows of several symbols, and an error, with the client of Orval. */

const page = await getPage("HK.00700", { num: 2 });
// A page has several formats. Only JSON has rows.
if (page.status !== 200 || !("data" in page) || typeof page.data === "string" || !("items" in page.data)) {
  throw new Error("The page failed", { cause: page });
}
if (page.data.market === "HK") {
  for (const row of page.data.items) console.log(row.timestamp_str, row.aggregated_short);
}

const history = await getHistory("US.AAPL", { from: "2026-03-01", order: "asc" });
if (history.status !== 200 || !("data" in history) || typeof history.data === "string") {
  throw new Error("The history failed", { cause: history });
}
console.log("rows:", history.data.items.length, "complete:", history.data.complete);

const latest = await getLatest({ symbols: ["HK.00700", "US.NOSUCH"] });
if (latest.status !== 200) throw new Error("The newest rows failed", { cause: latest });
for (const { symbol, change, error } of latest.data.items) {
  console.log(symbol, error?.code ?? change?.percent);
}

const unknown = await getPage("US.NOSUCH");
console.log(unknown.status, unknown.status === 404 ? unknown.data.code : undefined);
