import { Failure } from "../../functions/errors.ts";
import { PAGE_PREFIX } from "../../functions/page-source/shared-cache.ts";
import { formatSymbol, parseSymbol } from "../../functions/short-interest/symbol.ts";
import { KEYS } from "../../functions/webhooks/redis-keys.ts";
import type { StandInOpend } from "./opend.ts";
import type { Database } from "./redis.ts";
import { laterRows, newestDate } from "./sample-data.ts";
import type { RestartableWorker } from "./worker.ts";

interface PublicationDeps {
  readonly opend: Pick<StandInOpend, "set">;
  /** Histories end with the last row that is published at this time (Unix time, milliseconds). */
  readonly until: number;
  readonly redis: Pick<Database, "call">;
  readonly worker: Pick<RestartableWorker, "origin" | "restart">;
}

/**
 * Returns a function that publishes the next row of a symbol in `npm run dev`, and returns a sentence about it.
 *
 * In production, the Worker looks for the row when the calendar expects it, and a data center serves its copy for up to
 * an hour more. Here the copies are deleted, and the poller runs at once.
 */
export function createPublisher({ opend, until, redis, worker }: PublicationDeps) {
  const published: Record<string, number> = {};
  const runPoller = () => fetch(`${worker.origin}/cdn-cgi/handler/scheduled`);

  /** @throws Failure `invalid_symbol`, `unsupported_market` or `unknown_symbol` */
  async function publish(symbolText: string): Promise<string> {
    const symbol = parseSymbol(symbolText);
    const name = formatSymbol(symbol);
    const rows = (published[name] ?? 0) + 1;
    const date = newestDate(symbol, laterRows(symbol, until, rows));
    if (date === undefined) throw new Failure("unknown_symbol", `${name} has no sample data`);
    // Rows from before the first poll of a symbol send no message.
    await runPoller();
    published[name] = rows;
    opend.set({ published: { ...published } });
    await redis.call("DEL", `${PAGE_PREFIX}${name}/`);
    await redis.call("ZADD", KEYS.pollSchedule, "XX", "0", name);
    await worker.restart();
    // The restart has emptied the queue, so the poller must send its messages again.
    await makeAllDue(redis);
    await runPoller();
    return `${name}: row of ${date} published`;
  }

  let previous: Promise<unknown> = Promise.resolve();
  return (symbolText: string): Promise<string> => {
    const current = previous.then(() => publish(symbolText));
    previous = current.catch(() => undefined);
    return current;
  };
}

async function makeAllDue(redis: Pick<Database, "call">): Promise<void> {
  const pending = await redis.call("ZRANGE", KEYS.pending, "0", "-1");
  if (!Array.isArray(pending)) return;
  for (const delivery of pending) await redis.call("ZADD", KEYS.pending, "XX", "0", String(delivery));
}
