import { vi } from "vitest";
import type { Gateway } from "./page-source.ts";

/** Counts what `work` asks of the platform, as the platform would. */
export async function subrequests(gateway: Gateway, work: () => Promise<unknown>): Promise<number> {
  const match = vi.spyOn(caches.default, "match");
  const put = vi.spyOn(caches.default, "put");
  const others = async () => (await gateway.upstash.requests()) + (await gateway.opend.stats()).upgrades;
  const before = await others();
  try {
    await work();
    return (await others()) - before + match.mock.calls.length + put.mock.calls.length;
  } finally {
    match.mockRestore();
    put.mockRestore();
  }
}
