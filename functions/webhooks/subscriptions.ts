import { array, number, parse, string } from "valibot";
import type { Upstash } from "../upstash.ts";
import { KEYS, MESSAGE_LIFE_MS, MOST_TRIES } from "./keys.ts";
import { subscribeKeys } from "./lua.ts";
import { optimistically } from "./optimistic.ts";
import { Reason } from "./schedule.ts";
import {
  CHANGE,
  ChangeReply,
  CREATE,
  CreateReply,
  GET,
  GetReply,
  NOTE,
  REMOVE,
  RemoveReply,
  ROTATE,
  RotateReply,
} from "./subscription-scripts.ts";

/** A webhook as it is registered. Times are Unix times in milliseconds. */
export interface NewSubscription {
  readonly id: string;
  readonly url: string;
  /** As `formatSymbol` writes them. */
  readonly symbols: readonly string[];
  readonly description: string;
  readonly createdAt: number;
  /** The host of this service that it was registered at. */
  readonly host: string;
  /** What its messages are signed with now, as it is stored. */
  readonly storedSecrets: readonly string[];
}

/** A webhook. Times are Unix times in milliseconds. */
export interface Subscription extends NewSubscription {
  /** Why nothing is sent to it; null where it is active. */
  readonly reason: Reason | null;
  /** Since when every try has failed; null where the last one has not. */
  readonly failingSince: number | null;
}

/** Why a webhook is neither made nor changed: another one of its owner has the same URL and symbols, in any order. */
export interface Duplicate {
  readonly duplicateOf: string;
}

/** Changes of a webhook. An undefined member stays as it is. */
export interface Changes {
  readonly url?: string | undefined;
  readonly symbols?: readonly string[] | undefined;
  readonly description?: string | undefined;
  /** false pauses an active webhook; true makes a webhook active again, without failures. */
  readonly active?: boolean | undefined;
}

/** Webhooks at most of one owner. */
export const MOST_WEBHOOKS = 20;
/** The secret that a rotation replaces goes on signing for this long. */
export const OLD_SECRET_MS = 24 * 3_600_000;
/** Secrets at most that sign at once. */
export const MOST_SECRETS = 4;

/** The webhooks of all owners. An owner never sees those of another one. */
export interface Subscriptions {
  /** @returns `full` where the owner has as many as there may be */
  create(owner: string, made: NewSubscription): Promise<"done" | "full" | Duplicate>;
  /** Those of an owner, oldest first, or the one of this id. */
  find(owner: string, id?: string): Promise<Subscription[]>;
  /**
   * @returns `none` where there is no such webhook
   * @throws Failure `store_unavailable` also where other requests change the webhook all the time
   */
  change(owner: string, id: string, changes: Changes): Promise<"done" | "none" | Duplicate>;
  /**
   * @returns false where there is none
   * @throws Failure as `change` does
   */
  remove(owner: string, id: string): Promise<boolean>;
  /**
   * Replaces the secret. The older ones sign for a day more, or never again where they are revoked. An attempt that is
   * under way may still have their signatures.
   * @returns `none` where there is no such webhook; `full` where four secrets sign already, and none is revoked
   */
  rotate(
    owner: string,
    id: string,
    storedSecret: string,
    isRevoked: boolean,
  ): Promise<"done" | "none" | "full">;
  /**
   * Notes a test, as JSON.
   * @param isSuccess whether its receiver does not fail any more
   */
  note(id: string, entry: string, isSuccess: boolean): Promise<void>;
  /** The last tries, newest first. */
  tries(id: string): Promise<string[]>;
}

/** @param now Unix time, milliseconds */
export function createSubscriptions(upstash: Upstash, now: () => number): Subscriptions {
  async function read(owner: string, ids: readonly string[]): Promise<Subscription[]> {
    if (ids.length === 0) return [];
    const call = { script: GET, keys: ids.map(KEYS.webhook), args: [owner, ...ids] };
    const found = await upstash.eval(call, GetReply);
    return found.map((fields): Subscription => {
      const [id, url, symbols, description, reason, created, failing, host, secrets] = fields;
      return {
        id,
        url,
        symbols: symbols.split(" "),
        description,
        reason: reason === "" ? null : parse(Reason, reason),
        createdAt: Number(created),
        failingSince: failing === "0" ? null : Number(failing),
        host,
        storedSecrets: secretsAt(now(), secrets),
      };
    });
  }

  return {
    async create(owner, { id, url, symbols, description, createdAt, host, storedSecrets }) {
      const fields = { owner, url, description, host, secrets: storedSecrets.join(" ") };
      const digest = await digestOf(url, symbols);
      const args = [id, MOST_WEBHOOKS, digest, symbols.join(" "), createdAt].map(String);
      const call = {
        script: CREATE,
        keys: [KEYS.webhook(id), KEYS.owned(owner), KEYS.digests(owner), ...subscribeKeys(symbols)],
        args: [...args, ...Object.entries(fields).flat()],
      };
      return upstash.eval(call, CreateReply);
    },
    async find(owner, id) {
      if (id !== undefined) return read(owner, [id]);
      const ids = await upstash.exec((redis) => redis.zrange(KEYS.owned(owner), 0, -1));
      return read(owner, parse(array(string()), ids));
    },
    change: (owner, id, { url, symbols, description, active }) =>
      optimistically(async () => {
        const [before] = await read(owner, [id]);
        if (!before) return "none";
        const after = { url: url ?? before.url, symbols: symbols ?? before.symbols };
        const flag = active === undefined ? "" : active ? "1" : "0";
        const terms = [before.url, before.symbols.join(" "), after.url, after.symbols.join(" ")];
        const digest = await digestOf(after.url, after.symbols);
        const own = [KEYS.webhook(id), KEYS.digests(owner), KEYS.tries(id), KEYS.pending];
        const call = {
          script: CHANGE,
          keys: [...own, ...subscribeKeys([...before.symbols, ...after.symbols])],
          args: [
            ...[id, owner, String(now()), String(MESSAGE_LIFE_MS), ...terms, digest, flag],
            ...(description === undefined ? [] : ["description", description]),
          ],
        };
        return upstash.eval(call, ChangeReply);
      }),
    remove: (owner, id) =>
      optimistically(async () => {
        const [before] = await read(owner, [id]);
        if (!before) return false;
        const lists = [KEYS.owned(owner), KEYS.digests(owner), KEYS.log(id), KEYS.tries(id), KEYS.pending];
        const call = {
          script: REMOVE,
          keys: [KEYS.webhook(id), ...lists, ...subscribeKeys(before.symbols)],
          args: [id, owner, before.symbols.join(" ")],
        };
        const reply = await upstash.eval(call, RemoveReply);
        return reply === "changed" ? reply : reply === "done";
      }),
    rotate(owner, id, storedSecret, isRevoked) {
      const args = [owner, storedSecret, now(), isRevoked ? "" : OLD_SECRET_MS, MOST_SECRETS].map(String);
      return upstash.eval({ script: ROTATE, keys: [KEYS.webhook(id)], args }, RotateReply);
    },
    async note(id, entry, isSuccess) {
      const args = [entry, String(MOST_TRIES), isSuccess ? "1" : ""];
      await upstash.eval({ script: NOTE, keys: [KEYS.webhook(id), KEYS.log(id)], args }, number());
    },
    tries: (id) => upstash.exec((redis) => redis.lrange(KEYS.log(id), 0, MOST_TRIES - 1)),
  };
}

/** A digest that two webhooks share where they have the same URL and symbols, in any order. */
async function digestOf(url: string, symbols: readonly string[]): Promise<string> {
  const text = new TextEncoder().encode([url, ...symbols.toSorted()].join("\n"));
  return new Uint8Array(await crypto.subtle.digest("SHA-256", text)).toHex();
}

/** Of a list of stored secrets, `secret` or `secret@end` each, those that sign now. */
export function secretsAt(now: number, cached: string): string[] {
  const secrets = cached.split(" ").map((each) => each.split("@"));
  return secrets.flatMap(([secret = "", end]) => (end === undefined || Number(end) > now ? [secret] : []));
}
