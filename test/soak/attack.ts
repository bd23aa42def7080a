import { randomFrom } from "../stand-ins/sample-data.ts";
import type { DataCenter } from "./data-centers.ts";
import { delay } from "./fairness.ts";
import { InFlight } from "./in-flight.ts";
import { expectedHistory } from "./oracle.ts";
import { type Period, pick, randomInteger } from "./plan.ts";
import { expectCode, FAULT_CODES, sendRequest } from "./requests.ts";
import { checkPage } from "./response-checks.ts";
import type { Caller } from "./secrets.ts";
import { ATTACKERS } from "./system.ts";
import { STORED_SYMBOLS, type World } from "./world.ts";

/** An attack: clients with many IP addresses request invented cursors, and securities that do not exist. */

type Random = () => number;

/** Maximum number of concurrent requests. */
const MAX_IN_FLIGHT = 24;
/** Probability that a request has an invented security, and not an invented cursor. */
const SYMBOL_PROBABILITY = 0.3;
const MAX_CURSOR = 256;
/** The number of rows without the parameter `num`. */
const DEFAULT_ROWS = 10;
/** Cursors like path segments, as written in the query. A cache that resolves them would mix up securities. */
const PATH_CURSORS: readonly string[] = ["..", "%2e%2e"];
/** Other cursors that are not timestamps. */
const TEXT_CURSORS: readonly string[] = [
  ...["%252e%252e", ".", "..%2f..", "%2e%2e%2fUS.AAPL%2f", "after-50", "a+b"],
  ...["x".repeat(MAX_CURSOR), "%F0%9F%98%80".repeat(64)],
];
const INVALID_CODES: ReadonlySet<string> = new Set(["invalid_parameter"]);
const UNKNOWN_CODES: ReadonlySet<string> = new Set([...FAULT_CODES, "unknown_symbol"]);

export async function runAttack(world: World, attack: Period): Promise<void> {
  const inFlight = new InFlight(world.deps.report);
  while (!world.isEnded && Date.now() < attack.from) await delay(500);
  for (let step = 0; !world.isEnded && Date.now() < attack.until; step += 1) {
    const random = randomFrom(`${world.deps.seed} attack ${step}`);
    await delay(randomInteger(random, 200, 500));
    // Without an API key, each IP address is a client.
    const keyless = world.deps.centers.all().filter(({ requiresKey }) => !requiresKey);
    const center = keyless[randomInteger(random, 0, keyless.length - 1)];
    if (!center || inFlight.size >= MAX_IN_FLIGHT) continue;
    const caller = withRandomHost(world.deps.callers(`attacker-${step % ATTACKERS}`), random);
    if (random() < SYMBOL_PROBABILITY) inFlight.add(requestInventedSymbol(world, center, caller, random));
    else inFlight.add(requestInventedCursor(world, center, caller, random));
  }
  await inFlight.settle();
}

/** Changes the host part of an IPv6 address within its /64. An IPv4 address does not change. */
function withRandomHost(caller: Caller, random: Random): Caller {
  const address = (caller.headers["CF-Connecting-IP"] ?? "").replace(
    /::.*/,
    `::${randomInteger(random, 1, 65_535).toString(16)}`,
  );
  return { ...caller, headers: { ...caller.headers, "CF-Connecting-IP": address } };
}

async function requestInventedSymbol(
  world: World,
  center: DataCenter,
  caller: Caller,
  random: Random,
): Promise<void> {
  const cursor = random() < 0.4 ? `?next_key=${pick(PATH_CURSORS, random)}` : "";
  const path = `/v1/short-interest/US.NOSUCH${randomInteger(random, 1_000, 9_999)}${cursor}`;
  const response = await sendRequest(world, center, { path, caller });
  world.deps.report.count("attack: × invented security");
  if (response) expectCode(world, path, response, UNKNOWN_CODES);
}

/** The response must have rows of the requested security only. A stored security must not be unknown. */
async function requestInventedCursor(
  world: World,
  center: DataCenter,
  caller: Caller,
  random: Random,
): Promise<void> {
  const { report, published } = world.deps;
  const symbol = pick(STORED_SYMBOLS, random);
  const query = inventCursor(symbol, random);
  const cursor = new URLSearchParams(`next_key=${query}`).get("next_key") ?? "";
  // The key of an opaque cursor includes `num`. With the same `num`, keys of two securities are similar.
  const num = Number.isNaN(Number(cursor)) ? DEFAULT_ROWS : randomInteger(random, 1, 50);
  const path = `/v1/short-interest/${symbol}?num=${num}&format=json&next_key=${query}`;
  const response = await sendRequest(world, center, { path, caller });
  report.count("attack: × invented cursor");
  if (!response) return;
  if (cursor.length > MAX_CURSOR) return expectCode(world, path, response, INVALID_CODES);
  if (response.code === "unknown_symbol")
    return report.violation("incorrectResponse", `${path} returned ${response.code}`);
  if (response.status !== 200) return expectCode(world, path, response, FAULT_CODES);
  report.count("attack: × invented cursor with a 200 response");
  const requested = { symbol, cursor, num, format: "json" } as const;
  const checked = checkPage(published, requested, response.body, response.headers.get("Link"));
  if (typeof checked === "string")
    report.violation("incorrectResponse", `${checked}: ${response.text.slice(0, 300)}`);
}

/** Returns a cursor that is in no response, as written in the query. */
function inventCursor(symbol: string, random: Random): string {
  const { rows } = expectedHistory(symbol);
  const chance = random();
  const timestamps = rows.map(({ cursor }) => Number(cursor));
  const [newest = 0] = timestamps;
  if (chance < 0.15) return String(newest + randomInteger(random, 1, 10 ** 8));
  if (chance < 0.35) return pick(PATH_CURSORS, random);
  if (chance < 0.5) return pick(TEXT_CURSORS, random);
  if (chance < 0.55) return "9".repeat(MAX_CURSOR + 1);
  if (chance < 0.65) return `word-${randomInteger(random, 1, 10 ** 6)}`;
  const index = randomInteger(random, 1, timestamps.length - 1);
  const [newer = 0, older = 0] = timestamps.slice(index - 1, index + 1);
  return String(randomInteger(random, older + 1, newer - 1));
}
