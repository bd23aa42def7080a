import createClient from "openapi-fetch";
import type { paths } from "./generated/api.ts";

/** A client program with types generated from /openapi.json. */
export async function useApi(baseUrl: string) {
  // Selects the JSON representation of each response.
  const client = createClient<paths, "application/json" | "application/problem+json">({ baseUrl });

  const page = await client.GET("/v1/short-interest/{symbol}", {
    params: { path: { symbol: "HK.00700" }, query: { num: 2 } },
  });
  if (page.error) throw new Error(page.error.detail);
  // market is the discriminator of the row type.
  if (page.data.market !== "HK") throw new Error("another market");
  const shares: (number | null)[] = page.data.items.map((row) => row.aggregated_short);

  const history = await client.GET("/v1/short-interest/{symbol}/history", {
    params: { path: { symbol: "US.AAPL" }, query: { from: "2026-01-01", order: "asc" } },
  });
  if (history.error) throw new Error(history.error.detail);
  const days = history.data.items.map((row) => row.timestamp_str);

  const latest = await client.GET("/v1/short-interest", {
    params: { query: { symbols: ["HK.00700", "US.NOSUCH"] } },
  });
  if (latest.error) throw new Error(latest.error.detail);
  const changes = latest.data.items.map((item) => item.change?.shares ?? item.error?.code);

  const problem = await client.GET("/v1/short-interest/{symbol}", {
    params: { path: { symbol: "US.NOSUCH" } },
  });

  return {
    shares,
    nextKey: page.data.next_key,
    days,
    complete: history.data.complete,
    changes,
    code: problem.error?.code,
    status: problem.response.status,
  };
}
