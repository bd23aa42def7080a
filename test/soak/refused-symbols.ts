import { randomFrom } from "../stand-ins/sample-data.ts";
import { Underway } from "./in-flight.ts";
import { pick, whole } from "./plan.ts";
import { ask, expectCode, IN_THE_WAY } from "./requests.ts";
import { REFUSED } from "./scene.ts";
import { pause } from "./sharing.ts";
import type { World } from "./world.ts";

/**
 * Callers that request the same few securities again and again: OpenD's account has no permission for some of them,
 * and the others do not exist. The ledger checks that their refusals are remembered.
 */
const FORBIDDEN = ["US.DENIED1", "US.DENIED2"];
const UNKNOWN = ["US.NOSUCH1", "US.NOSUCH2"];
const FORBIDDEN_CODES: ReadonlySet<string> = new Set([...IN_THE_WAY, "opend_no_permission"]);
const UNKNOWN_CODES: ReadonlySet<string> = new Set([...IN_THE_WAY, "unknown_symbol"]);

/** @param from Unix time, milliseconds */
export async function requestRefused(world: World, from: number): Promise<void> {
  const underway = new Underway(world.parts.report);
  while (!world.ended && Date.now() < from) await pause(500);
  for (let at = 0; !world.ended; at += 1) {
    const random = randomFrom(`${world.parts.seed} refused ${at}`);
    await pause(whole(random, 300, 900));
    const isForbidden = random() < 0.5;
    const symbol = pick(isForbidden ? FORBIDDEN : UNKNOWN, random);
    const centre = world.parts.centres.at(whole(random, 0, 3));
    const path = `/v1/short-interest/${symbol}`;
    const request = async () => {
      const answer = await ask(world, centre, {
        path,
        caller: world.parts.callers(`refused-${at % REFUSED}`),
      });
      world.parts.report.count(`requests for ${isForbidden ? "forbidden" : "unknown"} securities: in all`);
      if (answer) expectCode(world, path, answer, isForbidden ? FORBIDDEN_CODES : UNKNOWN_CODES);
    };
    underway.add(request());
  }
  await underway.end();
}
