import { vi } from "vitest";
import type { Service } from "./service.ts";

/** Counts the subrequests of `work`: cache operations, requests to Upstash, and connections to OpenD. */
export async function countSubrequests(service: Service, work: () => Promise<unknown>): Promise<number> {
  const match = vi.spyOn(caches.default, "match");
  const put = vi.spyOn(caches.default, "put");
  const requests = async () => (await service.upstash.requests()) + (await service.opend.stats()).upgrades;
  const before = await requests();
  try {
    await work();
    return (await requests()) - before + match.mock.calls.length + put.mock.calls.length;
  } finally {
    match.mockRestore();
    put.mockRestore();
  }
}
