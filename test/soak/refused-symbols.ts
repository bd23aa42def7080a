import { randomFrom } from "../stand-ins/sample-data.ts";
import { delay } from "./fairness.ts";
import { InFlight } from "./in-flight.ts";
import { pick, randomInteger } from "./plan.ts";
import { expectCode, FAULT_CODES, sendRequest } from "./requests.ts";
import { REFUSED_CALLERS } from "./system.ts";
import type { World } from "./world.ts";

/**
 * Callers that repeatedly request the same few securities. For some, OpenD's account has no permission, and the others
 * do not exist. `RefusalMonitor` checks that their refusals are cached.
 */
const FORBIDDEN = ["US.DENIED1", "US.DENIED2"];
const UNKNOWN = ["US.NOSUCH1", "US.NOSUCH2"];
const FORBIDDEN_CODES: ReadonlySet<string> = new Set([...FAULT_CODES, "opend_no_permission"]);
const UNKNOWN_CODES: ReadonlySet<string> = new Set([...FAULT_CODES, "unknown_symbol"]);

/** @param from Unix time in milliseconds */
export async function requestRefusedSymbols(world: World, from: number): Promise<void> {
  const inFlight = new InFlight(world.deps.report);
  while (!world.isEnded && Date.now() < from) await delay(500);
  for (let step = 0; !world.isEnded; step += 1) {
    const random = randomFrom(`${world.deps.seed} refused ${step}`);
    await delay(randomInteger(random, 300, 900));
    const isForbidden = random() < 0.5;
    const symbol = pick(isForbidden ? FORBIDDEN : UNKNOWN, random);
    const center = world.deps.centers.get(randomInteger(random, 0, 3));
    const path = `/v1/short-interest/${symbol}`;
    const request = async () => {
      const response = await sendRequest(world, center, {
        path,
        caller: world.deps.callers(`refused-${step % REFUSED_CALLERS}`),
      });
      world.deps.report.count(`requests: × ${isForbidden ? "forbidden" : "unknown"} security`);
      if (response) expectCode(world, path, response, isForbidden ? FORBIDDEN_CODES : UNKNOWN_CODES);
    };
    inFlight.add(request());
  }
  await inFlight.settle();
}
