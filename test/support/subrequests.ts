import { vi } from "vitest";
import type { Service } from "./service.ts";

/** Counts what `work` asks of the platform, as the platform would. */
export async function countSubrequests(service: Service, work: () => Promise<unknown>): Promise<number> {
  const match = vi.spyOn(caches.default, "match");
  const put = vi.spyOn(caches.default, "put");
  const others = async () => (await service.upstash.requests()) + (await service.opend.stats()).openings;
  const before = await others();
  try {
    await work();
    return (await others()) - before + match.mock.calls.length + put.mock.calls.length;
  } finally {
    match.mockRestore();
    put.mockRestore();
  }
}
