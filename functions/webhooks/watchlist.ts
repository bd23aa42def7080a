import { array, number, string, tuple } from "valibot";
import type { Upstash } from "../upstash.ts";
import { KEYS, MESSAGE_LIFE_MS } from "./keys.ts";
import type { Message } from "./messages.ts";

/** A symbol to look at. */
export interface Due {
  readonly symbol: string;
  /** Timestamp of the newest row that was seen, in seconds; undefined where nobody has looked yet. */
  readonly newest: bigint | undefined;
}

/** What somebody has seen of a symbol. Times are Unix times in milliseconds. */
export interface Look {
  readonly symbol: string;
  /** Timestamp of its newest row, in seconds, 0 where there is none; undefined where it could not be had. */
  readonly newest: bigint | undefined;
  /** When to look again. */
  readonly nextLookAt: number;
  /** The code of what stood in the way; empty where nothing did. */
  readonly problem: string;
  /** The message to send where the row is newer than what was seen before. */
  readonly message?: Message | undefined;
}

/** What is known of a symbol that somebody wants. */
export interface Watched {
  readonly symbol: string;
  /** Timestamp of its newest row, in seconds; null where it has none, or nobody has looked. */
  readonly newest: bigint | null;
  /** When it was looked at (Unix time, milliseconds); null where nobody has. */
  readonly checkedAt: number | null;
  /** The code of what stood in the way then; null where nothing did. */
  readonly problem: string | null;
}

/** The symbols that somebody wants, and what is known of them. */
export interface Watchlist {
  /** Those whose turn it is, longest first. Nobody else is given them for a while. */
  due(most: number): Promise<Due[]>;
  /**
   * Notes what was seen. The newest timestamp only moves forward, and when it does, the message is in the outbox for
   * all who want the symbol, in the same breath; two who see the same row send one. The first look at a symbol is
   * where it begins, and sends none.
   * @returns to how many it goes
   */
  saw(look: Look): Promise<number>;
  known(symbols: readonly string[]): Promise<Watched[]>;
}

/** For how long one who looks is believed to be at it. */
const LOOKING_MS = 5 * 60_000;

/** KEYS watch, newest; ARGV now, most, until → symbol and timestamp or '' of each */
const DUE = `
local found = {}
for _, symbol in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])) do
  redis.call('ZADD', KEYS[1], ARGV[3], symbol)
  local seen = redis.call('HGET', KEYS[2], symbol) or ''
  table.insert(found, {symbol, string.match(seen, '^%d*')})
end
return found
`;
const DueReply = array(tuple([string(), string()]));

/** KEYS watch, newest, event, subscribers, pending; ARGV symbol, timestamp or '', next look, now, problem, message's id or '', body, ms */
const SAW = `
local symbol, timestamp, body = ARGV[1], ARGV[2], ARGV[7]
if not redis.call('ZSCORE', KEYS[1], symbol) then return 0 end
redis.call('ZADD', KEYS[1], ARGV[3], symbol)
local before = string.match(redis.call('HGET', KEYS[2], symbol) or '', '^%d*')
local sent = 0
if timestamp == '' or (before ~= '' and tonumber(timestamp) <= tonumber(before)) then
  timestamp = before
elseif before ~= '' then
  if ARGV[6] == '' then
    redis.call('ZADD', KEYS[1], ARGV[4], symbol)
    return 0
  end
  redis.call('SET', KEYS[3], body, 'PX', ARGV[8])
  for _, id in ipairs(redis.call('SMEMBERS', KEYS[4])) do
    redis.call('ZADD', KEYS[5], ARGV[4], ARGV[6] .. ' ' .. id)
    sent = sent + 1
  end
end
redis.call('HSET', KEYS[2], symbol, timestamp .. ' ' .. ARGV[4] .. ' ' .. ARGV[5])
return sent
`;

/** KEYS newest; ARGV symbols → what was seen of each, or '' */
const KNOWN = `
local found = {}
for _, symbol in ipairs(ARGV) do table.insert(found, redis.call('HGET', KEYS[1], symbol) or '') end
return found
`;

/** @param now Unix time, milliseconds */
export function createWatchlist(upstash: Upstash, now: () => number): Watchlist {
  return {
    async due(most) {
      const args = [now(), most, now() + LOOKING_MS].map(String);
      const found = await upstash.eval({ script: DUE, keys: [KEYS.watch, KEYS.newest], args }, DueReply);
      return found.map(([symbol, newest]) => ({
        symbol,
        newest: newest === "" ? undefined : BigInt(newest),
      }));
    },
    saw({ symbol, newest, nextLookAt, problem, message }) {
      const { id = "", body = "" } = message ?? {};
      const args = [symbol, newest ?? "", Math.ceil(nextLookAt), now(), problem, id, body, MESSAGE_LIFE_MS];
      const keys = [KEYS.watch, KEYS.newest, KEYS.event(id), KEYS.subscribers(symbol), KEYS.pending];
      return upstash.eval({ script: SAW, keys, args: args.map(String) }, number());
    },
    async known(symbols) {
      const call = { script: KNOWN, keys: [KEYS.newest], args: symbols };
      const found = await upstash.eval(call, array(string()));
      return found.map((seen, at) => {
        const [newest = "", checkedAt, problem] = seen.split(" ");
        return {
          symbol: symbols[at] ?? "",
          newest: newest === "" || newest === "0" ? null : BigInt(newest),
          checkedAt: checkedAt === undefined ? null : Number(checkedAt),
          problem: problem || null,
        };
      });
    },
  };
}
