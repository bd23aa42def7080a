import { randomFrom } from "../stand-ins/sample-data.ts";
import { checkPage } from "./answers.ts";
import type { DataCentre } from "./data-centers.ts";
import { Underway } from "./in-flight.ts";
import { truthOf } from "./oracle.ts";
import { type Period, pick, whole } from "./plan.ts";
import { ask, expectCode, IN_THE_WAY } from "./requests.ts";
import { GUESSERS } from "./scene.ts";
import type { Caller } from "./secrets.ts";
import { pause } from "./sharing.ts";
import { KEPT, type World } from "./world.ts";

/** An attack: clients with many addresses invent cursors of known securities, and securities that do not exist. */

type Random = () => number;

/** Guesses that are not answered yet. */
const MAX_UNDER_WAY = 24;
/** The share of guesses that invent a security. */
const GUESSED_SYMBOLS = 0.3;
const MAX_CURSOR = 256;
/** The number of rows without the parameter `num`. */
const WORD_ROWS = 10;
/** Cursors that look like paths: a cache that folds them would mix up securities. As they stand in the query. */
const PATHS: readonly string[] = ["..", "%2e%2e"];
/** Other cursors that are no timestamps. */
const WORDS: readonly string[] = [
  ...["%252e%252e", ".", "..%2f..", "%2e%2e%2fUS.AAPL%2f", "after-50", "a+b"],
  ...["x".repeat(MAX_CURSOR), "%F0%9F%98%80".repeat(64)],
];
const INVALID: ReadonlySet<string> = new Set(["invalid_parameter"]);
const UNKNOWN: ReadonlySet<string> = new Set([...IN_THE_WAY, "unknown_symbol"]);

export async function guess(world: World, attack: Period): Promise<void> {
  const underway = new Underway(world.parts.report);
  while (!world.ended && Date.now() < attack.from) await pause(500);
  for (let at = 0; !world.ended && Date.now() < attack.until; at += 1) {
    const random = randomFrom(`${world.parts.seed} guess ${at}`);
    await pause(whole(random, 200, 500));
    // Where no key is needed, an address is a client.
    const keyless = world.parts.centres.all().filter(({ keyed }) => !keyed);
    const centre = keyless[whole(random, 0, keyless.length - 1)];
    if (!centre || underway.size >= MAX_UNDER_WAY) continue;
    const caller = fromSomeHost(world.parts.callers(`guesser-${at % GUESSERS}`), random);
    if (random() < GUESSED_SYMBOLS) underway.add(guessSymbol(world, centre, caller, random));
    else underway.add(guessCursor(world, centre, caller, random));
  }
  await underway.end();
}

/** Another host of the caller's /64, if its address is one of IPv6. */
function fromSomeHost(caller: Caller, random: Random): Caller {
  const address = (caller.headers["CF-Connecting-IP"] ?? "").replace(
    /::.*/,
    `::${whole(random, 1, 65_535).toString(16)}`,
  );
  return { ...caller, headers: { ...caller.headers, "CF-Connecting-IP": address } };
}

async function guessSymbol(world: World, centre: DataCentre, caller: Caller, random: Random): Promise<void> {
  const cursor = random() < 0.4 ? `?next_key=${pick(PATHS, random)}` : "";
  const path = `/v1/short-interest/US.NOSUCH${whole(random, 1_000, 9_999)}${cursor}`;
  const answer = await ask(world, centre, { path, caller });
  world.parts.report.count("guesses: securities");
  if (answer) expectCode(world, path, answer, UNKNOWN);
}

/** The answer must have rows of this security, and no others; a security that is stored must not be unknown. */
async function guessCursor(world: World, centre: DataCentre, caller: Caller, random: Random): Promise<void> {
  const { report, published } = world.parts;
  const symbol = pick(KEPT, random);
  const query = inventCursor(symbol, random);
  const cursor = new URLSearchParams(`next_key=${query}`).get("next_key") ?? "";
  // The number of rows is a part of a word's key: the same number makes keys of two securities alike.
  const num = Number.isNaN(Number(cursor)) ? WORD_ROWS : whole(random, 1, 50);
  const wish = { symbol, cursor, num, format: "json" } as const;
  const path = `/v1/short-interest/${symbol}?num=${wish.num}&format=json&next_key=${query}`;
  const answer = await ask(world, centre, { path, caller });
  report.count("guesses: cursors");
  if (!answer) return;
  if (cursor.length > MAX_CURSOR) return expectCode(world, path, answer, INVALID);
  if (answer.code === "unknown_symbol")
    return report.violated("cached", `${path} was answered ${answer.code}`);
  if (answer.status !== 200) return expectCode(world, path, answer, IN_THE_WAY);
  report.count("guesses: cursors answered with rows");
  const checked = checkPage(published, wish, answer.body, answer.headers.get("Link"));
  if (typeof checked === "string") report.violated("cached", `${checked}: ${answer.text.slice(0, 300)}`);
}

/** A cursor that no answer has: as it stands in the query. */
function inventCursor(symbol: string, random: Random): string {
  const { rows } = truthOf(symbol);
  const chance = random();
  const timestamps = rows.map(({ cursor }) => Number(cursor));
  const [newest = 0] = timestamps;
  if (chance < 0.15) return String(newest + whole(random, 1, 10 ** 8));
  if (chance < 0.35) return pick(PATHS, random);
  if (chance < 0.5) return pick(WORDS, random);
  if (chance < 0.55) return "9".repeat(MAX_CURSOR + 1);
  if (chance < 0.65) return `word-${whole(random, 1, 10 ** 6)}`;
  const at = whole(random, 1, timestamps.length - 1);
  const [newer = 0, older = 0] = timestamps.slice(at - 1, at + 1);
  return String(whole(random, older + 1, newer - 1));
}
