import { array, number, parse, picklist, string, tuple } from "valibot";
import type { Upstash } from "../upstash.ts";
import { KEYS, MOST_TRIES, SUBSCRIBE } from "./keys.ts";
import { Reason } from "./schedule.ts";

/** What a caller decides of a webhook. */
export interface Terms {
  readonly url: string;
  /** As `formatSymbol` writes them. */
  readonly symbols: readonly string[];
  readonly description: string;
  /** Why nothing is sent to it; null where it is active. */
  readonly reason: Reason | null;
}

/** A webhook. Times are Unix times in milliseconds. */
export interface Subscription extends Terms {
  readonly id: string;
  readonly createdAt: number;
  /** Since when every try has failed; null where the last one has not. */
  readonly failingSince: number | null;
  /** The host of this service that it was registered at. */
  readonly host: string;
  /** What its messages are signed with now. */
  readonly secrets: readonly string[];
}

/** What is absent stays as it is. */
export type Changes = { readonly [name in keyof Terms]?: Terms[name] | undefined };

/** Webhooks at most of one owner. */
export const MOST_WEBHOOKS = 20;
/** The secret that a rotation replaces goes on signing for this long. */
export const OLD_SECRET_MS = 24 * 3_600_000;
/** Secrets at most that sign at once. */
export const MOST_SECRETS = 4;

/** The webhooks of all owners. An owner never sees those of another one. */
export interface Subscriptions {
  /** @returns false where the owner has as many as there may be */
  create(owner: string, made: Omit<Subscription, "failingSince">): Promise<boolean>;
  /** Those of an owner, oldest first, or the one of this id. */
  find(owner: string, id?: string): Promise<Subscription[]>;
  /** @returns false where there is none */
  change(owner: string, id: string, changes: Changes): Promise<boolean>;
  /** @returns false where there is none */
  remove(owner: string, id: string): Promise<boolean>;
  /** Signs with `secret` from now on, and for a while with those before; not where as many sign as may. */
  rotate(owner: string, id: string, secret: string): Promise<"done" | "none" | "full">;
  /**
   * Notes a test, as JSON.
   * @param isSuccess whether its receiver does not fail any more
   */
  note(id: string, entry: string, isSuccess: boolean): Promise<void>;
  /** The last tries, newest first. */
  tries(id: string): Promise<string[]>;
}

/**
 * KEYS webhook, owner's list; ARGV id, owner, most, 'create'|'change'|'remove', symbols, active '1'|'0', now, then
 * pairs of what is set besides; in a change '' is what it was. → 'done', 'none' or 'full'
 */
const SET = `${SUBSCRIBE}
local id, owner, mode, symbols, active = ARGV[1], ARGV[2], ARGV[4], ARGV[5], ARGV[6]
local before = ''
if mode == 'create' then
  if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[3]) then return 'full' end
else
  local webhook = redis.call('HMGET', KEYS[1], 'owner', 'active', 'symbols')
  if webhook[1] ~= owner then return 'none' end
  if webhook[2] == '1' then before = webhook[3] end
  if symbols == '' then symbols = webhook[3] end
  if active == '' then active = webhook[2] end
end
subscribe(id, before, active == '1' and symbols or '', ARGV[7])
if mode == 'remove' then
  redis.call('DEL', KEYS[1], prefix .. 'deliveries:' .. id)
  redis.call('ZREM', KEYS[2], id)
  return 'done'
end
redis.call('HSET', KEYS[1], 'symbols', symbols, 'active', active)
for at = 8, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1]) end
if mode == 'create' then redis.call('ZADD', KEYS[2], redis.call('HGET', KEYS[1], 'created'), id) end
return 'done'
`;
const SetReply = picklist(["done", "none", "full"]);

/** KEYS owner's list; ARGV owner, prefix of webhooks, id or '' for all */
const GET = `
local ids, found = {ARGV[3]}, {}
if ARGV[3] == '' then ids = redis.call('ZRANGE', KEYS[1], 0, -1) end
for _, id in ipairs(ids) do
  local webhook = redis.call('HMGET', ARGV[2] .. id, 'owner', 'url', 'symbols', 'description', 'reason', 'created', 'failing', 'host', 'secrets')
  if webhook[1] == ARGV[1] then
    webhook[1] = id
    table.insert(found, webhook)
  end
end
return found
`;
const text = string();
const GetReply = array(tuple([text, text, text, text, text, text, text, text, text]));

/** KEYS webhook; ARGV owner, secret, now, ms that the others go on, most → 'done', 'none' or 'full' */
const ROTATE = `
local webhook = redis.call('HMGET', KEYS[1], 'owner', 'secrets')
if webhook[1] ~= ARGV[1] then return 'none' end
local secrets, count = ARGV[2], 1
for secret, ends in string.gmatch(webhook[2], '([^%s@]+)@?(%d*)') do
  if ends == '' then ends = ARGV[3] + ARGV[4] end
  if tonumber(ends) > tonumber(ARGV[3]) then
    secrets = secrets .. ' ' .. secret .. '@' .. string.format('%.0f', ends)
    count = count + 1
  end
end
if count > tonumber(ARGV[5]) then return 'full' end
redis.call('HSET', KEYS[1], 'secrets', secrets)
return 'done'
`;

/** KEYS webhook, its log; ARGV entry, most, '1' where it was a success */
const NOTE = `
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('LPUSH', KEYS[2], ARGV[1])
redis.call('LTRIM', KEYS[2], 0, tonumber(ARGV[2]) - 1)
if ARGV[3] == '1' then redis.call('HSET', KEYS[1], 'failing', '0') end
return 1
`;

/** @param now Unix time, milliseconds */
export function createSubscriptions(upstash: Upstash, now: () => number): Subscriptions {
  async function set(owner: string, id: string, mode: string, terms: Changes, more: string[]) {
    const { symbols = [], reason, url, description } = terms;
    const active = reason === undefined ? "" : reason === null ? "1" : "0";
    const pairs = [
      ...(url === undefined ? [] : ["url", url]),
      ...(description === undefined ? [] : ["description", description]),
      // Who begins anew has not failed yet.
      ...(reason === undefined ? [] : ["reason", reason ?? "", "failing", "0"]),
      ...more,
    ];
    const args = [id, owner, String(MOST_WEBHOOKS), mode, symbols.join(" "), active, String(now()), ...pairs];
    return upstash.run({ script: SET, keys: [KEYS.webhook(id), KEYS.owned(owner)], args }, SetReply);
  }

  return {
    async create(owner, { id, createdAt, host, secrets, ...terms }) {
      const more = ["owner", owner, "created", String(createdAt), "host", host, "secrets", secrets.join(" ")];
      return (await set(owner, id, "create", terms, more)) === "done";
    },
    async find(owner, id = "") {
      const args = [owner, KEYS.webhook(""), id];
      const found = await upstash.run({ script: GET, keys: [KEYS.owned(owner)], args }, GetReply);
      return found.map((fields): Subscription => {
        const [own, url, symbols, description, reason, created, failing, host, secrets] = fields;
        return {
          id: own,
          url,
          symbols: symbols.split(" "),
          description,
          reason: reason === "" ? null : parse(Reason, reason),
          createdAt: Number(created),
          failingSince: failing === "0" ? null : Number(failing),
          host,
          secrets: secretsAt(now(), secrets),
        };
      });
    },
    change: async (owner, id, changes) => (await set(owner, id, "change", changes, [])) === "done",
    remove: async (owner, id) => (await set(owner, id, "remove", { reason: "paused" }, [])) === "done",
    async rotate(owner, id, secret) {
      const args = [owner, secret, now(), OLD_SECRET_MS, MOST_SECRETS].map(String);
      return upstash.run({ script: ROTATE, keys: [KEYS.webhook(id)], args }, SetReply);
    },
    async note(id, entry, isSuccess) {
      const args = [entry, String(MOST_TRIES), isSuccess ? "1" : ""];
      await upstash.run({ script: NOTE, keys: [KEYS.webhook(id), KEYS.log(id)], args }, number());
    },
    tries: (id) => upstash.ask((redis) => redis.lrange(KEYS.log(id), 0, MOST_TRIES - 1)),
  };
}

/** Of secrets as they are kept, `secret` or `secret@end` each, those that sign now. */
export function secretsAt(now: number, kept: string): string[] {
  const secrets = kept.split(" ").map((each) => each.split("@"));
  return secrets.flatMap(([secret = "", end]) => (end === undefined || Number(end) > now ? [secret] : []));
}
