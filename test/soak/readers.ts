import { randomFrom } from "../stand-ins/sample-data.ts";
import type { DataCenter } from "./data-centers.ts";
import { parseExactly } from "./exact-json.ts";
import { INVALID_REQUESTS, SERVICE_PATHS } from "./fixed-requests.ts";
import { InFlight } from "./in-flight.ts";
import { callTool } from "./mcp-client.ts";
import { runOpendClient } from "./opend-client.ts";
import { expectedHistory } from "./oracle.ts";
import { pick, randomInteger } from "./plan.ts";
import { errorMessage, expectCode, FAULT_CODES, MAX_HISTORY_MS, sendRequest } from "./requests.ts";
import {
  checkHistory,
  checkLatest,
  checkPage,
  type HistoryQuery,
  type PageFormat,
} from "./response-checks.ts";
import { STORED_SYMBOLS, type World } from "./world.ts";

/** Callers that send random requests. Each step depends on the seed only, not on earlier responses. */

type Random = () => number;
const NEW_SYMBOL_INTERVAL_MS = 2_500;
const FORMATS: readonly PageFormat[] = ["json", "csv", "ndjson", "protobuf"];
/** Number of rows of a stored page. After a response with all of them, `next_key` is that of the next stored page. */
export const PAGE_ROWS = 50;

export interface PageQuery {
  readonly symbol: string;
  readonly cursor: string;
  readonly num: number;
  readonly format: PageFormat;
}

/**
 * Requests a page. The page must be correct. A stored page must be served.
 * @returns the cursor of the next page; null at the end of the history; undefined without a page
 */
export async function readPage(world: World, center: DataCenter, caller: string, requested: PageQuery) {
  const { report, published, callers } = world.deps;
  const { symbol, cursor, num, format } = requested;
  const query = new URLSearchParams({ num: String(num), format, ...(cursor !== "" && { next_key: cursor }) });
  const path = `/v1/short-interest/${symbol}?${query}`;
  const name = `${symbol} ${cursor} ${num}`;
  // The edge cache has all pages that this data center has served. The shared cache has all first pages.
  const isInEdgeCache = center.cachedPages.has(name);
  const isInSharedCache = cursor === "" && STORED_SYMBOLS.includes(symbol);
  const wasAvailable = world.wasUpstashAvailable(Date.now());
  const response = await sendRequest(world, center, { path, caller: callers(caller) });
  if (!response) return undefined;
  if (response.status !== 200) {
    expectCode(world, path, response, FAULT_CODES);
    const isAvailable = wasAvailable && world.wasUpstashAvailable(Date.now());
    if (isInEdgeCache || (isInSharedCache && isAvailable)) {
      report.violation(
        "incorrectResponse",
        `${path} is in the ${isInEdgeCache ? "edge" : "shared"} cache, but returned ${response.code}`,
      );
    }
    return undefined;
  }
  const checked = checkPage(published, requested, response.body, response.headers.get("Link"));
  if (typeof checked === "string") {
    report.violation("incorrectResponse", `${checked}: ${response.text.slice(0, 300)}`);
    return undefined;
  }
  report.count(`requests: × page as ${format}`);
  if (checked.rows === num || checked.next === null) center.cachedPages.add(name);
  return checked.next;
}

/** Requests the first page of a symbol that is not stored. Remembers its next page for other callers. */
export async function readNewSymbol(world: World, center: DataCenter, caller: string): Promise<void> {
  const symbol = world.newSymbol();
  const next = await readPage(world, center, caller, { symbol, cursor: "", num: PAGE_ROWS, format: "json" });
  if (typeof next === "string") world.addNextPage({ symbol, cursor: next });
}

/** Reads all pages of a history, newest first, from random data centers. */
async function walkHistory(world: World, caller: string, random: Random): Promise<void> {
  const query = {
    symbol: pick(STORED_SYMBOLS, random),
    num: randomInteger(random, 10, 50),
    format: pick(FORMATS, random),
  };
  let cursor: string | null | undefined = "";
  while (typeof cursor === "string" && !world.isEnded) {
    const center = world.deps.centers.get(randomInteger(random, 0, 3));
    cursor = await readPage(world, center, caller, { ...query, cursor });
  }
  if (cursor === null) world.deps.report.count("requests: × history read page by page");
}

async function readHistory(world: World, center: DataCenter, caller: string, random: Random): Promise<void> {
  const { report, published, callers } = world.deps;
  const symbol = pick(STORED_SYMBOLS, random);
  const dates = [
    pick(expectedHistory(symbol).rows, random).date,
    pick(expectedHistory(symbol).rows, random).date,
  ].sort();
  const [from, to] = [random() < 0.5 ? dates[0] : undefined, random() < 0.5 ? dates[1] : undefined];
  const requested: HistoryQuery = {
    symbol,
    ...(from && { from }),
    ...(to && { to }),
    order: pick(["asc", "desc"] as const, random),
    format: pick(["json", "csv", "ndjson"] as const, random),
  };
  const { symbol: _, ...query } = requested;
  const path = `/v1/short-interest/${symbol}/history?${new URLSearchParams({ ...query })}`;
  const response = await sendRequest(world, center, { path, caller: callers(caller), maxMs: MAX_HISTORY_MS });
  if (!response) return;
  if (response.status !== 200) return expectCode(world, path, response, FAULT_CODES);
  if (response.isTruncated) {
    // A truncated connection is the only sign of missing rows in CSV.
    if (requested.format !== "csv" || requested.order === "asc")
      report.violation("incompleteRequest", `${path} was truncated`);
    report.count("requests: × truncated history");
    return;
  }
  const { problem, code } = checkHistory(published, requested, response.text);
  if (problem) report.violation("incorrectResponse", problem);
  if (code !== undefined) expectCode(world, path, { ...response, code }, FAULT_CODES);
  report.count(code === undefined ? "requests: × history" : "requests: × incomplete history");
}

async function readLatest(world: World, center: DataCenter, caller: string, random: Random): Promise<void> {
  const { report, published, callers } = world.deps;
  const symbols = [
    ...new Set(Array.from({ length: randomInteger(random, 1, 5) }, () => pick(STORED_SYMBOLS, random))),
  ];
  const path = `/v1/short-interest?symbols=${symbols.join()}`;
  const response = await sendRequest(world, center, { path, caller: callers(caller) });
  if (!response) return;
  if (response.status !== 200) return expectCode(world, path, response, FAULT_CODES);
  const { problem, codes } = checkLatest(published, symbols, parseExactly(response.text));
  if (problem) report.violation("incorrectResponse", `${path}: ${problem}: ${response.text.slice(0, 300)}`);
  for (const code of codes) expectCode(world, path, { ...response, code }, FAULT_CODES);
  report.count("requests: × batch");
}

async function sendInvalidRequest(
  world: World,
  center: DataCenter,
  caller: string,
  random: Random,
): Promise<void> {
  const { callers, report } = world.deps;
  const [path, code, headers = {}] = pick(INVALID_REQUESTS, random);
  const response = await sendRequest(world, center, { path, caller: callers(caller), headers });
  if (response) expectCode(world, path, response, new Set([code]));
  report.count("requests: × invalid request");
}

async function readServicePath(
  world: World,
  center: DataCenter,
  caller: string,
  random: Random,
): Promise<void> {
  const path = pick(SERVICE_PATHS, random);
  const response = await sendRequest(world, center, { path, caller: world.deps.callers(caller) });
  if (response && response.status !== 200)
    world.deps.report.violation("unexpectedError", `${path} returned ${response.status}`);
}

/** Disconnects before or during the response. */
async function disconnect(world: World, center: DataCenter, caller: string, random: Random): Promise<void> {
  const path = `/v1/short-interest/${pick(STORED_SYMBOLS, random)}${random() < 0.5 ? "/history" : ""}`;
  const signal = AbortSignal.timeout(randomInteger(random, 1, 60));
  const { headers } = world.deps.callers(caller);
  await fetch(center.origin + path, { headers, signal }).then(
    (response) => response.body?.cancel(),
    () => undefined,
  );
  world.deps.report.count("requests: × disconnect");
}

async function runStep(world: World, caller: string, random: Random): Promise<void> {
  const center = world.deps.centers.get(randomInteger(random, 0, 3));
  const chance = random() * 100;
  if (chance < 50) {
    const symbol = pick(STORED_SYMBOLS, random);
    // Without the newest row, which is not published, and the oldest, because no stored page follows it.
    const inner = expectedHistory(symbol).rows.slice(1, -1);
    const cursor = random() < 0.6 || inner.length === 0 ? "" : pick(inner, random).cursor;
    const query = { symbol, cursor, num: randomInteger(random, 1, 50), format: pick(FORMATS, random) };
    await readPage(world, center, caller, query);
  } else if (chance < 56) await walkHistory(world, caller, random);
  else if (chance < 64) await readHistory(world, center, caller, random);
  else if (chance < 71) await readLatest(world, center, caller, random);
  else if (chance < 79) await sendInvalidRequest(world, center, caller, random);
  else if (chance < 85) await runOpendClient(world, center, caller, random);
  else if (chance < 91) await callTool(world, center, caller, random);
  else if (chance < 95) await disconnect(world, center, caller, random);
  else await readServicePath(world, center, caller, random);
}

/** Reads the histories of all stored symbols before the first fault, as several callers, because of their shares. */
export async function readAllPages(world: World): Promise<void> {
  const { centers, callers } = world.deps;
  for (const [index, symbol] of STORED_SYMBOLS.entries()) {
    const path = `/v1/short-interest/${symbol}/history`;
    const caller = callers(`reader-${index % 3}`);
    const response = await sendRequest(world, centers.get(0), { path, caller });
    if (response?.status !== 200) throw new Error(`${path} returned ${response?.status} ${response?.code}`);
  }
}

/** Sends random requests until the run ends. */
export async function runReader(world: World, caller: string): Promise<void> {
  for (let step = 0; !world.isEnded; step += 1) {
    const random = randomFrom(`${world.deps.seed} ${caller} ${step}`);
    const pauseMs = randomInteger(random, 100, 500);
    try {
      await runStep(world, caller, random);
    } catch (thrown) {
      world.deps.report.violation("unexpectedError", `${caller}, step ${step}: ${errorMessage(thrown)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

/** Requests symbols that are not stored during faults. The response is a page, or a documented problem. */
export async function readNewSymbolsDuringFaults(world: World): Promise<void> {
  const inFlight = new InFlight(world.deps.report);
  for (let step = 0; !world.isEnded; step += 1) {
    await new Promise((resolve) => setTimeout(resolve, NEW_SYMBOL_INTERVAL_MS));
    if (world.phase?.kind !== "fault") continue;
    inFlight.add(readNewSymbol(world, world.deps.centers.get(step % 4), "new-symbols"));
  }
  await inFlight.settle();
}
