import { object, parse, string } from "valibot";
import { startLocalWorker, UNLIMITED } from "../stand-ins/worker.ts";
import type { Report } from "./report.ts";
import { Stage } from "./stage.ts";

const WINDOW_MS = 30_000;
const WINDOWS = 10;
const ADDRESSES = 6;
const INVENTED_PER_WINDOW = 90;
/** A request's deadline. */
const DEADLINE_MS = 15_000;

const Page = object({ next_key: string() });

/**
 * Five minutes of invented cursors: in each window of OpenD's limit 90 of them from 6 addresses, and then the next
 * page of a symbol that was served before, which has to come within its deadline.
 */
export async function benchWasted(report: Report): Promise<void> {
  await using stage = new Stage();
  const { opend, upstash, vars } = await stage.remotes();
  const worker = stage.add(await startLocalWorker(vars, UNLIMITED));
  const get = async (path: string, address: string) => {
    const began = performance.now();
    const headers = { "CF-Connecting-IP": address };
    const response = await fetch(`${worker.origin}/v1/short-interest/${path}`, { headers });
    return { status: response.status, body: await response.text(), ms: performance.now() - began };
  };
  const known = Array.from({ length: WINDOWS }, (_, at) => `US.T${at}`);
  const nextKeys = new Map<string, string>();
  for (const symbol of known) {
    const { body } = await get(`${symbol}?num=50`, "2001:db8:1::1");
    nextKeys.set(symbol, parse(Page, JSON.parse(body)).next_key);
  }

  const invented = new Map<number, number>();
  const next: { status: number; ms: number }[] = [];
  let cursor = 1_900_000_000;
  for (const symbol of known) {
    const ends = Date.now() + WINDOW_MS;
    const attack = Array.from({ length: INVENTED_PER_WINDOW }, (_, at) => {
      cursor += 1;
      return get(`US.T0?next_key=${cursor}`, `2001:db8:0:${at % ADDRESSES}::1`);
    });
    for (const { status } of await Promise.all(attack)) invented.set(status, (invented.get(status) ?? 0) + 1);
    next.push(await get(`${symbol}?num=50&next_key=${nextKeys.get(symbol)}`, "2001:db8:1::1"));
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, ends - Date.now())));
  }
  const { calls, refused, maxCallsInWindow } = opend.stats();
  const slowest = Math.max(...next.map(({ ms }) => ms));
  const pages = (await upstash.redis.call("KEYS", "short-interest:page:*")) as unknown[];
  report.line(
    `${INVENTED_PER_WINDOW} invented cursors from ${ADDRESSES} addresses in each of ${WINDOWS} windows`,
  );
  report.line(`answers to them            ${[...invented].map(([code, n]) => `${n} × ${code}`).join(", ")}`);
  report.line(`the next pages             ${next.map(({ status }) => status).join(", ")}`);
  report.line(`the slowest of them        ${slowest.toFixed(0)} ms`);
  report.line(
    `calls that reached OpenD   ${calls}, at most ${maxCallsInWindow} in any 30 s, ${refused} refused`,
  );
  report.line(`pages in the shared store  ${pages.length}`);
  if (next.some(({ status }) => status !== 200) || slowest > DEADLINE_MS) {
    report.broken("invented cursors keep a known symbol from its next page");
  }
  if (pages.length > 2 * WINDOWS) report.broken("invented cursors fill the shared store");
}
