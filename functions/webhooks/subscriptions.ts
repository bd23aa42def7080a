import { array, number, parse, string } from "valibot";
import type { Upstash } from "../upstash.ts";
import { subscribeKeys } from "./lua-functions.ts";
import { KEYS, MAX_LOG_ENTRIES, MESSAGE_TTL_MS } from "./redis-keys.ts";
import { retryOnConflict } from "./retry-on-conflict.ts";
import { InactiveReason } from "./retry-policy.ts";
import {
  CREATE_SCRIPT,
  CreateReply,
  GET_SCRIPT,
  GetReply,
  RECORD_TEST_SCRIPT,
  REMOVE_SCRIPT,
  RemoveReply,
  ROTATE_SCRIPT,
  RotateReply,
  UPDATE_SCRIPT,
  UpdateReply,
} from "./subscription-scripts.ts";

/** Settings of a webhook that its owner chooses. */
export interface WebhookSettings {
  readonly url: string;
  /** As `formatSymbol` writes them. */
  readonly symbols: readonly string[];
  readonly description: string;
}

/** Times are Unix times in milliseconds. */
export interface NewSubscription extends WebhookSettings {
  readonly id: string;
  readonly createdAt: number;
  /** The host of this service at which the webhook was created. Messages are never sent to it. */
  readonly host: string;
  /** Active signing secrets as stored, the newest first. */
  readonly storedSecrets: readonly string[];
}

/** Times are Unix times in milliseconds. */
export interface Subscription extends NewSubscription {
  /** Why the webhook is inactive; null if it is active. */
  readonly reason: InactiveReason | null;
  /** Since when all attempts have failed; null if the last one succeeded. */
  readonly failingSince: number | null;
}

/** The owner has another webhook with the same URL and symbols, in any order. */
export interface Duplicate {
  readonly duplicateOf: string;
}

/** An undefined member stays as it is. */
export interface SubscriptionChanges {
  readonly url?: string | undefined;
  readonly symbols?: readonly string[] | undefined;
  readonly description?: string | undefined;
  /** false pauses an active webhook; true activates an inactive one and resets `failingSince`. */
  readonly active?: boolean | undefined;
}

/** Per owner, active or not. Problem details and OpenAPI descriptions state it, too. */
export const MAX_WEBHOOKS = 20;
/** How long the secrets that a rotation replaces continue to sign, in milliseconds. */
export const SECRET_OVERLAP_MS = 24 * 3_600_000;
/** Active secrets of a webhook; each of them signs every message. */
export const MAX_SIGNING_SECRETS = 4;

/**
 * The webhooks of all owners. Methods with an `owner` see only that owner's webhooks. All methods throw Failure
 * `store_unavailable` if Redis is unavailable; `update` and `remove` also after repeated conflicts.
 */
export interface Subscriptions {
  /**
   * @param idempotent the claim of its `Idempotency-Key`, and the entry that replaces it
   * @returns `limit_reached` if the owner already has `MAX_WEBHOOKS`
   */
  create(
    owner: string,
    subscription: NewSubscription,
    idempotent?: { readonly field: string; readonly entry: string },
  ): Promise<"done" | "limit_reached" | Duplicate>;
  /** The owner's webhooks, oldest first, or only the one with this ID. */
  find(owner: string, id?: string): Promise<Subscription[]>;
  update(owner: string, id: string, changes: SubscriptionChanges): Promise<"done" | "not_found" | Duplicate>;
  /** @returns whether the webhook existed */
  remove(owner: string, id: string): Promise<boolean>;
  /**
   * Replaces the signing secret. Older secrets continue to sign for `SECRET_OVERLAP_MS`, or are deleted if
   * `revokesOlder`. An attempt in flight may still carry their signatures.
   * @returns `limit_reached` if `MAX_SIGNING_SECRETS` are active and none is revoked
   */
  rotate(
    owner: string,
    id: string,
    storedSecret: string,
    revokesOlder: boolean,
  ): Promise<"done" | "not_found" | "limit_reached">;
  /**
   * Adds a test message to the delivery log. A success resets `failingSince`.
   * @param entry the delivery log entry, as JSON
   */
  recordTest(id: string, entry: string, isSuccess: boolean): Promise<void>;
  /** Delivery log entries as JSON, newest first, at most `MAX_LOG_ENTRIES`. */
  deliveryLog(id: string): Promise<string[]>;
}

/** @param now Unix time, milliseconds */
export function createSubscriptions(upstash: Upstash, now: () => number): Subscriptions {
  async function read(owner: string, ids: readonly string[]): Promise<Subscription[]> {
    if (ids.length === 0) return [];
    const call = { script: GET_SCRIPT, keys: ids.map(KEYS.webhook), args: [owner, ...ids] };
    const found = await upstash.eval(call, GetReply);
    return found.map((fields): Subscription => {
      const [id, url, symbols, description, reason, createdAt, failingSince, host, secrets] = fields;
      return {
        id,
        url,
        symbols: symbols.split(" "),
        description,
        reason: reason === "" ? null : parse(InactiveReason, reason),
        createdAt: Number(createdAt),
        failingSince: failingSince === "0" ? null : Number(failingSince),
        host,
        storedSecrets: activeSecrets(secrets, now()),
      };
    });
  }

  return {
    async create(owner, { id, url, symbols, description, createdAt, host, storedSecrets }, idempotent) {
      const fields = { owner, url, description, host, secrets: storedSecrets.join(" ") };
      const digest = await digestOf(url, symbols);
      const { field = "", entry = "" } = idempotent ?? {};
      const args = [id, MAX_WEBHOOKS, digest, symbols.join(" "), createdAt, field, entry].map(String);
      const ownerKeys = [KEYS.owner(owner), KEYS.digests(owner), KEYS.idempotency(owner)];
      const call = {
        script: CREATE_SCRIPT,
        keys: [KEYS.webhook(id), ...ownerKeys, ...subscribeKeys(symbols)],
        args: [...args, ...Object.entries(fields).flat()],
      };
      return upstash.eval(call, CreateReply);
    },
    async find(owner, id) {
      if (id !== undefined) return read(owner, [id]);
      const ids = await upstash.exec((redis) => redis.zrange(KEYS.owner(owner), 0, -1));
      return read(owner, parse(array(string()), ids));
    },
    update: (owner, id, { url, symbols, description, active }) =>
      retryOnConflict(async () => {
        const [before] = await read(owner, [id]);
        if (!before) return "not_found";
        const after = { url: url ?? before.url, symbols: symbols ?? before.symbols };
        const activeFlag = active === undefined ? "" : active ? "1" : "0";
        const settings = [before.url, before.symbols.join(" "), after.url, after.symbols.join(" ")];
        const digest = await digestOf(after.url, after.symbols);
        const keys = [KEYS.webhook(id), KEYS.digests(owner), KEYS.attempts(id), KEYS.pending];
        const call = {
          script: UPDATE_SCRIPT,
          keys: [...keys, ...subscribeKeys([...before.symbols, ...after.symbols])],
          args: [
            ...[id, owner, String(now()), String(MESSAGE_TTL_MS), ...settings, digest, activeFlag],
            ...(description === undefined ? [] : ["description", description]),
          ],
        };
        return upstash.eval(call, UpdateReply);
      }),
    remove: (owner, id) =>
      retryOnConflict(async () => {
        const [before] = await read(owner, [id]);
        if (!before) return false;
        const ownerKeys = [KEYS.owner(owner), KEYS.digests(owner)];
        const call = {
          script: REMOVE_SCRIPT,
          keys: [
            ...[KEYS.webhook(id), ...ownerKeys, KEYS.deliveries(id), KEYS.attempts(id), KEYS.pending],
            ...subscribeKeys(before.symbols),
          ],
          args: [id, owner, before.symbols.join(" ")],
        };
        const reply = await upstash.eval(call, RemoveReply);
        return reply === "conflict" ? reply : reply === "done";
      }),
    rotate(owner, id, storedSecret, revokesOlder) {
      const overlapMs = revokesOlder ? "" : SECRET_OVERLAP_MS;
      const args = [owner, storedSecret, now(), overlapMs, MAX_SIGNING_SECRETS].map(String);
      return upstash.eval({ script: ROTATE_SCRIPT, keys: [KEYS.webhook(id)], args }, RotateReply);
    },
    async recordTest(id, entry, isSuccess) {
      const args = [entry, String(MAX_LOG_ENTRIES), isSuccess ? "1" : ""];
      const keys = [KEYS.webhook(id), KEYS.deliveries(id)];
      await upstash.eval({ script: RECORD_TEST_SCRIPT, keys, args }, number());
    },
    deliveryLog: (id) => upstash.exec((redis) => redis.lrange(KEYS.deliveries(id), 0, MAX_LOG_ENTRIES - 1)),
  };
}

/** A digest that is equal for webhooks with the same URL and symbols, in any order. */
async function digestOf(url: string, symbols: readonly string[]): Promise<string> {
  const text = new TextEncoder().encode([url, ...symbols.toSorted()].join("\n"));
  return new Uint8Array(await crypto.subtle.digest("SHA-256", text)).toHex();
}

/**
 * The secrets of a stored list that still sign.
 * @param stored `secret` or `secret@expiry` each, separated by spaces
 * @param now Unix time, milliseconds
 */
export function activeSecrets(stored: string, now: number): string[] {
  const entries = stored.split(" ").map((entry) => entry.split("@"));
  return entries.flatMap(([secret = "", expiry]) =>
    expiry === undefined || Number(expiry) > now ? [secret] : [],
  );
}
