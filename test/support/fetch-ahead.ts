import { expect, vi } from "vitest";
import { parseEnv } from "../../functions/env.ts";
import { createFetchLikelihood } from "../../functions/page-source/fetch-likelihood.ts";
import type { UpstashFault } from "../stand-ins/upstash.ts";
import { Clock, createDataCenter } from "./data-center.ts";
import { type Service, startService } from "./service.ts";

/** Lookups that fetched. A fetch is then still likely after two lookups that did not. */
const FETCHES = 10;
export const CIRCUIT = "short-interest:circuit";
export const LEASE = "short-interest:lease:US.AAPL/";

const likelihoodOf = ({ env }: Service) => createFetchLikelihood(parseEnv(env).upstash.url);
export const isFetchLikely = (service: Service) => likelihoodOf(service).isLikely();

/** Counts lookups that fetched. */
export function makeFetchLikely(service: Service, fetches = FETCHES): void {
  for (let count = 0; count < fetches; count += 1) likelihoodOf(service).add(true);
}

/**
 * A service that has `US.T0`, and two data centers that share an isolate.
 * @param fetches lookups of the isolate that fetched
 */
export async function startLikely(vars: Record<string, string> = {}, fetches = FETCHES) {
  const service = await startService({}, { CLIENT_SHARE: "30", SUBREQUEST_LIMIT: "10000", ...vars });
  const clock = new Clock();
  const near = createDataCenter(service, clock);
  await near.page("US.T0");
  makeFetchLikely(service, fetches - 1);
  await noneOpen(service);
  const before = await service.opend.stats();
  return {
    service,
    clock,
    near,
    far: createDataCenter(service),
    /** Connections and calls since the start. */
    async since() {
      const { upgrades, calls, connections } = await service.opend.stats();
      return { upgrades: upgrades - before.upgrades, calls: calls - before.calls, connections };
    },
    /**
     * Waits until Redis has got `count` requests, and holds those that it is to hold.
     * @param after the number of requests that it does not hold
     */
    async untilHeld<T>(work: () => Promise<T>, count = 2, fault: UpstashFault = "hold", after = 0) {
      const requests = await service.upstash.requests();
      await service.upstash.fail(fault, after);
      const result = work();
      await vi.waitFor(async () => expect(await service.upstash.requests()).toBe(requests + count), 5_000);
      return { result, release: () => service.upstash.fail(null) };
    },
  };
}

export const noneOpen = (service: Service) =>
  vi.waitFor(async () => expect((await service.opend.stats()).connections).toBe(0), 5_000);
