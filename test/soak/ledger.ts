import { fromBinary } from "@bufbuild/protobuf";
import { PAGES } from "../../functions/pages/global-store.ts";
import { nameOf } from "../../functions/pages/kept.ts";
import { RequestSchema } from "../../gen/Qot_GetShortInterest_pb.js";
import { told } from "./ask.ts";
import { truthOf } from "./truth.ts";
import type { World } from "./world.ts";

/**
 * Watches which pages OpenD is asked for, and that each is asked for once:
 *
 * - where nothing is wrong, and no Worker ends, a page is asked for at most once, whatever it was before;
 * - whatever is wrong, a page that stands fresh in the store is not asked for until it is old. A call that was under
 *   way when it was put there does not count.
 */
export interface Ledger {
  /** To be called before a page is made old. */
  forget(symbol: string): void;
  close(): void;
}

const LOOK_MS = 100;
/** A call that arrived just before all was well is seen only after. */
const BORDER_MS = 3 * LOOK_MS;
/** For as long a call may be on its way to OpenD. */
const UNDER_WAY_MS = 6_000;
/** A page is not held to be fresh in its last moment. */
const LAST_MS = 2_000;

export function startLedger(world: World): Ledger {
  const { opend, upstash, report } = world.parts;
  let seen = 0;
  /** When each page was asked for last, while nothing is wrong. */
  const calls = new Map<string, number>();
  /** The pages that stand fresh in the store: since when they were seen there, and until when. */
  const fresh = new Map<string, { since: number; until: number }>();
  const asked = new Set<string>();
  let turn = 0;
  let looking = false;

  function note(page: string): void {
    const now = Date.now();
    asked.add(page);
    const before = calls.get(page) ?? 0;
    if (before > world.calmSince + BORDER_MS) {
      report.violated("once", `${page} was asked for twice within ${now - before} ms, with nothing wrong`);
    }
    calls.set(page, now);
    const stands = fresh.get(page);
    if (stands && now - stands.since > UNDER_WAY_MS && now < stands.until - LAST_MS) {
      report.violated(
        "once",
        `${page} was asked for, but had stood in the store for ${now - stands.since} ms`,
      );
    }
  }

  async function lookAtStore(): Promise<void> {
    for (const page of asked) {
      const known = fresh.get(page);
      const until = Number((await upstash.redis.call("HGET", PAGES + page, "fresh")) ?? 0);
      const now = Date.now();
      if (until <= now) fresh.delete(page);
      else if (!known) fresh.set(page, { since: now, until });
    }
  }

  const timer = setInterval(() => {
    const { bodies } = opend.stats();
    for (const body of bodies.slice(seen)) {
      const page = pageIn(body);
      if (page !== undefined) note(page);
    }
    seen = bodies.length;
    turn += 1;
    if (turn % 10 !== 0 || looking) return;
    looking = true;
    lookAtStore()
      .catch((thrown) => report.violated("surprise", `the store cannot be looked at: ${told(thrown)}`))
      .finally(() => {
        looking = false;
      });
  }, LOOK_MS);

  return {
    forget(symbol) {
      const page = nameOf({ symbol, cursor: "" });
      fresh.delete(page);
      calls.delete(page);
      asked.delete(page);
    },
    close: () => clearInterval(timer),
  };
}

/** The name of the page that a call asks for; none for a cursor that no page has, which is asked for each time. */
function pageIn(body: string): string | undefined {
  const { c2s } = fromBinary(RequestSchema, Buffer.from(body, "hex"));
  const { market = 0, code = "" } = c2s?.security ?? {};
  const symbol = `${market === 1 ? "HK" : "US"}.${code}`;
  const cursor = c2s?.nextKey ?? "";
  const isCursor = cursor === "" || truthOf(symbol).rows.some((row) => row.cursor === cursor);
  return isCursor ? nameOf({ symbol, cursor }) : undefined;
}
