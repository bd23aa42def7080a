/** The Cache API of one data center in memory, by the clock of the simulation. */
export function createEdgeStorage(now: () => number): Pick<Cache, "match" | "put"> {
  const entries = new Map<string, { headers: Headers; body: ArrayBuffer; expiresAt: number }>();
  return {
    async match(url) {
      const entry = entries.get(String(url));
      if (entry === undefined || now() >= entry.expiresAt) return undefined;
      return new Response(entry.body, { headers: entry.headers });
    },
    async put(url, response) {
      const { headers } = response;
      const [, seconds = "0"] = /max-age=(\d+)/.exec(headers.get("Cache-Control") ?? "") ?? [];
      const expiresAt = now() + Number(seconds) * 1_000;
      entries.set(String(url), { headers, body: await response.arrayBuffer(), expiresAt });
    },
  };
}
