import { number, picklist, string, tuple } from "valibot";
import type { ScriptCall, Upstash } from "../upstash.ts";
import { type KeptReply, nameOf, type PageKey, type Span, timestampOf } from "./kept.ts";

/** What the store says to a question for a page. */
export interface StoreAnswer {
  /** The kept reply, fresh or stale, where there is one. */
  readonly kept: KeptReply | undefined;
  /**
   * Who fetches it, where it is not fresh: `yours` the asker, who now holds the claim, `others` another
   * one, `nobody` for `restMs`, because OpenD has failed too often.
   */
  readonly fetch: "needless" | "yours" | "others" | "nobody";
  readonly restMs: number;
}

/** How a fetch ended that got no reply worth keeping. */
export interface FetchEnd {
  /** Whether OpenD could not be reached, logged in to, or did not answer. */
  readonly failed: boolean;
  /** How long nobody else should try, in milliseconds. */
  readonly pauseMs: number;
}

/** The copies that all data centres share, and who of them fetches a page: one. */
export interface GlobalStore {
  /**
   * Reads and claims in one round trip. The page may be kept under another cursor, whose rows go on past
   * the one asked for; then it is that page that is claimed.
   * @param claim a name for the claim, of this question alone
   * @throws Failure `limiter_unavailable`
   */
  read(key: PageKey, claim: string): Promise<StoreAnswer>;
  /** Keeps a reply and gives up the claim, in one round trip with what else is to be run. */
  write(
    key: PageKey,
    claim: string,
    kept: KeptReply,
    span: Span | undefined,
    also: ScriptCall[],
  ): Promise<void>;
  /** Gives up the claim without a reply. */
  release(key: PageKey, claim: string, end: FetchEnd, also: ScriptCall[]): Promise<void>;
}

/** OpenD is left alone after this many failures within a time, and for how long, in ms. */
const FAILURES = 5;
const FAILURES_WITHIN_MS = 30_000;
const REST_MS = 10_000;

/** Where pages and the index of a symbol's pages are kept; `npm run purge` deletes by these. */
export const PAGES = "short-interest:page:";
export const INDEX = "short-interest:index:";
const HEALTH = "short-interest:health";

/**
 * KEYS page, index, health; ARGV timestamp of the cursor or '', claim, claimMs, now, prefix of pages
 * → {who fetches, ms of rest, cursor, fetchedAt, freshUntil, keptUntil, reply}
 * `health` holds the failures; beside it stand :tripped, :resting, and :probe, the claim that may try.
 */
const READ = `
local timestamp, now = tonumber(ARGV[1]), tonumber(ARGV[4])
local function load(key)
  if redis.call('EXISTS', key) == 0 then return nil end
  local page = redis.call('HMGET', key, 'cursor', 'fetched', 'fresh', 'kept', 'reply')
  if tonumber(page[4]) > now then return page end
end
local name, page = KEYS[1], load(KEYS[1])
if not page and timestamp then
  for _, member in ipairs(redis.call('ZREVRANGEBYSCORE', KEYS[2], '(' .. ARGV[1], '-inf', 'LIMIT', 0, 8)) do
    local newest, other = string.match(member, '^(%d+) (.*)$')
    if not page and tonumber(newest) >= timestamp then
      page = load(ARGV[5] .. other)
      if page then name = ARGV[5] .. other else redis.call('ZREM', KEYS[2], member) end
    end
  end
end
local function answer(fetch, rest)
  if not page then return {fetch, rest, '', '', '', '', ''} end
  return {fetch, rest, page[1], page[2], page[3], page[4], page[5]}
end
if page and tonumber(page[3]) > now then return answer('needless', 0) end
if not redis.call('SET', name .. ':claim', ARGV[2], 'NX', 'PX', ARGV[3]) then return answer('others', 0) end
if redis.call('EXISTS', KEYS[3] .. ':tripped') == 1 then
  local rest = math.max(redis.call('PTTL', KEYS[3] .. ':resting'), 0)
  if rest > 0 or not redis.call('SET', KEYS[3] .. ':probe', ARGV[2], 'NX', 'PX', ARGV[3]) then
    redis.call('DEL', name .. ':claim')
    return answer('nobody', rest)
  end
end
return answer('yours', 0)
`;

/**
 * KEYS page, index, health; ARGV claim, own name, cursor, fetchedAt, freshUntil, keptUntil, reply,
 * ms to keep, newest or '', oldest
 */
const WRITE = `
local entry = redis.call('HGET', KEYS[1], 'entry')
if entry then redis.call('ZREM', KEYS[2], entry) end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'cursor', ARGV[3], 'fetched', ARGV[4], 'fresh', ARGV[5], 'kept', ARGV[6], 'reply', ARGV[7])
redis.call('PEXPIRE', KEYS[1], ARGV[8])
if ARGV[9] ~= '' then
  local entry = ARGV[9] .. ' ' .. ARGV[2]
  redis.call('HSET', KEYS[1], 'entry', entry)
  redis.call('ZADD', KEYS[2], ARGV[10], entry)
  redis.call('PEXPIRE', KEYS[2], 2 * ARGV[8])
end
if redis.call('GET', KEYS[1] .. ':claim') == ARGV[1] then redis.call('DEL', KEYS[1] .. ':claim') end
redis.call('DEL', KEYS[3], KEYS[3] .. ':tripped', KEYS[3] .. ':resting', KEYS[3] .. ':probe')
return 0
`;

/** KEYS page, health; ARGV claim, pauseMs, failed '1'|'', failures, within, restMs */
const RELEASE = `
local claimed = KEYS[1] .. ':claim'
if redis.call('GET', claimed) == ARGV[1] then
  if tonumber(ARGV[2]) > 0 then redis.call('PEXPIRE', claimed, ARGV[2]) else redis.call('DEL', claimed) end
end
local probing = redis.call('GET', KEYS[2] .. ':probe') == ARGV[1]
if probing then redis.call('DEL', KEYS[2] .. ':probe') end
if ARGV[3] == '1' then
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  redis.call('ZADD', KEYS[2], now, ARGV[1])
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - ARGV[5])
  redis.call('PEXPIRE', KEYS[2], ARGV[5])
  if probing or redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[4]) then
    redis.call('SET', KEYS[2] .. ':tripped', '1')
    redis.call('SET', KEYS[2] .. ':resting', '1', 'PX', ARGV[6])
  end
end
return 0
`;

/**
 * For how long nobody asks OpenD, because it failed, in milliseconds.
 * @throws Failure `limiter_unavailable`
 */
export async function restMs(upstash: Upstash): Promise<number> {
  return Math.max(0, await upstash.ask((redis) => redis.pttl(`${HEALTH}:resting`)));
}

const ReadReply = tuple([
  picklist(["needless", "yours", "others", "nobody"]),
  number(),
  string(),
  string(),
  string(),
  string(),
  string(),
]);

/**
 * @param claimMs after which a claim ends by itself: as long as a fetch may take
 * @param now Unix time, milliseconds
 */
export function createGlobalStore(upstash: Upstash, claimMs: number, now: () => number): GlobalStore {
  const indexOf = ({ symbol }: PageKey) => INDEX + symbol;
  return {
    async read(key, claim) {
      const timestamp = key.num === undefined ? timestampOf(key.cursor) : undefined;
      const args = [timestamp ?? "", claim, claimMs, now(), PAGES].map(String);
      const keys = [PAGES + nameOf(key), indexOf(key), HEALTH];
      const reply = await upstash.run({ script: READ, keys, args }, ReadReply);
      const [fetch, restMs, cursor, fetchedAt, freshUntil, keptUntil, base64] = reply;
      if (base64 === "") return { fetch, restMs, kept: undefined };
      const times = {
        fetchedAt: Number(fetchedAt),
        freshUntil: Number(freshUntil),
        keptUntil: Number(keptUntil),
      };
      return { fetch, restMs, kept: { ...times, cursor, reply: bytesOf(base64) } };
    },
    write(key, claim, kept, span, also) {
      const args = [
        claim,
        nameOf(key),
        kept.cursor,
        kept.fetchedAt,
        kept.freshUntil,
        kept.keptUntil,
        base64Of(kept.reply),
        kept.keptUntil - now(),
        span?.newest ?? "",
        span?.oldest ?? "",
      ];
      const keys = [PAGES + nameOf(key), indexOf(key), HEALTH];
      return upstash.runAll([{ script: WRITE, keys, args: args.map(String) }, ...also]);
    },
    release(key, claim, { failed, pauseMs }, also) {
      const args = [claim, pauseMs, failed ? 1 : "", FAILURES, FAILURES_WITHIN_MS, REST_MS].map(String);
      const keys = [PAGES + nameOf(key), HEALTH];
      return upstash.runAll([{ script: RELEASE, keys, args }, ...also]);
    },
  };
}

function base64Of(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
}
