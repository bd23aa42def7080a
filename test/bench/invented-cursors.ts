import { object, parse, string } from "valibot";
import { startLocalWorker, UNLIMITED } from "../stand-ins/worker.ts";
import type { Report } from "./report.ts";
import { Resources } from "./resources.ts";

const WINDOW_MS = 30_000;
const WINDOWS = 10;
const ADDRESSES = 6;
const CURSORS_PER_WINDOW = 90;
/** The deadline of a request. */
const DEADLINE_MS = 15_000;

const Page = object({ next_key: string() });

/**
 * Sends requests with invented cursors for ten windows of OpenD's limit, 90 per window from 6 addresses. In every window
 * it then requests the second page of a known symbol, which must be served within the deadline.
 */
export async function benchInventedCursors(report: Report): Promise<void> {
  await using resources = new Resources();
  const { opend, upstash, vars } = await resources.remotes();
  const worker = resources.add(await startLocalWorker(vars, UNLIMITED));
  const get = async (path: string, address: string) => {
    const startedAt = performance.now();
    const headers = { "CF-Connecting-IP": address };
    const response = await fetch(`${worker.origin}/v1/short-interest/${path}`, { headers });
    return {
      status: response.status,
      body: await response.text(),
      elapsedMs: performance.now() - startedAt,
    };
  };
  const symbols = Array.from({ length: WINDOWS }, (_, index) => `US.T${index}`);
  const nextKeys = new Map<string, string>();
  for (const symbol of symbols) {
    const { body } = await get(`${symbol}?num=50`, "2001:db8:1::1");
    nextKeys.set(symbol, parse(Page, JSON.parse(body)).next_key);
  }

  const statuses = new Map<number, number>();
  const secondPages: { status: number; elapsedMs: number }[] = [];
  let cursor = 1_900_000_000;
  for (const symbol of symbols) {
    const windowEnd = Date.now() + WINDOW_MS;
    const responses = Array.from({ length: CURSORS_PER_WINDOW }, (_, index) => {
      cursor += 1;
      return get(`US.T0?next_key=${cursor}`, `2001:db8:0:${index % ADDRESSES}::1`);
    });
    for (const { status } of await Promise.all(responses)) {
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
    secondPages.push(await get(`${symbol}?num=50&next_key=${nextKeys.get(symbol)}`, "2001:db8:1::1"));
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, windowEnd - Date.now())));
  }
  const { calls, refused, maxCallsInWindow } = opend.stats();
  const slowestMs = Math.max(...secondPages.map(({ elapsedMs }) => elapsedMs));
  const stored = (await upstash.redis.call("KEYS", "short-interest:page:*")) as unknown[];
  report.line(`${WINDOWS} windows with ${CURSORS_PER_WINDOW} invented cursors from ${ADDRESSES} addresses`);
  report.line(`responses to them          ${[...statuses].map(([code, n]) => `${n} × ${code}`).join(", ")}`);
  report.line(`second pages               ${secondPages.map(({ status }) => status).join(", ")}`);
  report.line(`slowest second page        ${slowestMs.toFixed(0)} ms`);
  report.line(
    `calls that reached OpenD   ${calls}, at most ${maxCallsInWindow} in any 30 s, ${refused} refused`,
  );
  report.line(`pages in the shared cache  ${stored.length}`);
  if (secondPages.some(({ status }) => status !== 200) || slowestMs > DEADLINE_MS) {
    report.fail("invented cursors block the second page of a known symbol");
  }
  if (stored.length > 2 * WINDOWS) report.fail("invented cursors fill the shared cache");
}
