import type { EdgeStorage } from "../../../functions/page-source/edge-cache.ts";

/**
 * The Cache API of one data center in memory, by the clock of the simulation. A match is not a `Response`, because creating
 * one takes longer than all that the Worker does with it.
 */
export function createEdgeStorage(now: () => number): EdgeStorage {
  const entries = new Map<string, { response: Response; body?: Promise<ArrayBuffer>; expiresAt: number }>();
  return {
    async match(url) {
      const entry = entries.get(url);
      if (entry === undefined || now() >= entry.expiresAt) return undefined;
      entry.body ??= entry.response.arrayBuffer();
      const { response, body } = entry;
      const text = async () => new TextDecoder().decode(await body);
      return {
        headers: response.headers,
        arrayBuffer: () => body,
        text,
        json: async () => JSON.parse(await text()),
      };
    },
    async put(url, response) {
      const [, seconds = "0"] = /max-age=(\d+)/.exec(response.headers.get("Cache-Control") ?? "") ?? [];
      entries.set(url, { response, expiresAt: now() + Number(seconds) * 1_000 });
    },
  };
}
