import { string } from "valibot";
import { Failure } from "../errors.ts";
import type { Upstash } from "../upstash.ts";
import { KEYS } from "./redis-keys.ts";
import type { SecretCipher } from "./secret-cipher.ts";

/**
 * `Idempotency-Key`: a request that is repeated with the same key gets the first response again. Only successful
 * responses are stored. They contain a secret, so they are encrypted. A failed request leaves its key unused.
 */

/** How long a response is stored, in milliseconds. */
export const IDEMPOTENCY_TTL_MS = 24 * 3_600_000;
/** After this time, a request that has neither stored a response nor failed counts as lost. */
const IN_PROGRESS_MS = 60_000;
/** Keys of an owner in use at a time. It bounds the storage. */
export const MAX_IDEMPOTENCY_KEYS = 50;
const INVALID = "Idempotency-Key must be 1 to 255 printable ASCII characters";

/** A key that a request holds until it stores its response. */
export interface IdempotencyClaim {
  /** The hash of the owner's keys. */
  readonly redisKey: string;
  readonly field: string;
  readonly fingerprint: string;
  /** The stored value while the request is in progress. */
  readonly entry: string;
}

/**
 * KEYS idempotency; ARGV field, entry, now, TTL in ms, max entries → 'claimed', 'limit_reached' or the stored entry.
 *
 * An entry is `expiry fingerprint response`. While the request is in progress, `response` is a random ID after `#`.
 */
const BEGIN_SCRIPT = `
local field, entry, now, ttl, maxEntries = unpack(ARGV)
local entries, count, expired, found = redis.call('HGETALL', KEYS[1]), 0, {}, nil
for index = 1, #entries, 2 do
  if tonumber(string.match(entries[index + 1], '^%d+')) <= tonumber(now) then
    table.insert(expired, entries[index])
  else
    count = count + 1
    if entries[index] == field then found = entries[index + 1] end
  end
end
if #expired > 0 then redis.call('HDEL', KEYS[1], unpack(expired)) end
if found then return found end
if count >= tonumber(maxEntries) then return 'limit_reached' end
redis.call('HSET', KEYS[1], field, entry)
redis.call('PEXPIRE', KEYS[1], ttl)
return 'claimed'
`;

/** KEYS idempotency; ARGV field, entry → 'done' */
const RELEASE_SCRIPT = `
if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then redis.call('HDEL', KEYS[1], ARGV[1]) end
return 'done'
`;

/**
 * Claims a key for a request.
 * @param key the header `Idempotency-Key`
 * @param request the validated body: the same key with another body is an error
 * @param now Unix time, milliseconds
 * @returns the claim, or the first response as JSON
 * @throws Failure `invalid_parameter`; `idempotency_key_reused` for another body, `idempotency_key_in_use` while the
 *   first request is in progress, `limit_reached`
 */
export async function claimKey(
  { upstash, cipher }: { readonly upstash: Upstash; readonly cipher: SecretCipher },
  owner: string,
  key: string,
  request: object,
  now: number,
): Promise<IdempotencyClaim | string> {
  if (!/^[ -~]{1,255}$/.test(key))
    throw new Failure("invalid_parameter", INVALID, { parameter: "Idempotency-Key" });
  const redisKey = KEYS.idempotency(owner);
  const [field, fingerprint] = await Promise.all([key, JSON.stringify(request)].map(sha256));
  if (field === undefined || fingerprint === undefined) throw new Failure("internal", "No digest");
  const entry = `${now + IN_PROGRESS_MS} ${fingerprint} #${crypto.randomUUID()}`;
  const args = [field, entry, now, IDEMPOTENCY_TTL_MS + IN_PROGRESS_MS, MAX_IDEMPOTENCY_KEYS].map(String);
  const reply = await upstash.eval({ script: BEGIN_SCRIPT, keys: [redisKey], args }, string());
  const claim = { redisKey, field, fingerprint, entry };
  if (reply === "claimed") return claim;
  if (reply === "limit_reached") {
    const limit = `${MAX_IDEMPOTENCY_KEYS} idempotency keys are in use; each expires after 24 hours`;
    throw new Failure("limit_reached", limit);
  }
  const [, storedFingerprint, response = ""] = reply.split(" ");
  if (storedFingerprint !== fingerprint) {
    throw new Failure("idempotency_key_reused", "This Idempotency-Key was sent with another body", {
      parameter: "Idempotency-Key",
    });
  }
  if (response.startsWith("#")) {
    throw new Failure(
      "idempotency_key_in_use",
      "The first request with this Idempotency-Key is in progress",
      { retryAfterMs: 1_000 },
    );
  }
  return cipher.decrypt(contextOf(claim), response);
}

/** The entry that stores a response. The script that creates the webhook writes it. */
export async function storedEntry(
  claim: IdempotencyClaim,
  cipher: SecretCipher,
  response: string,
  now: number,
): Promise<string> {
  const encrypted = await cipher.encrypt(contextOf(claim), response);
  return `${now + IDEMPOTENCY_TTL_MS} ${claim.fingerprint} ${encrypted}`;
}

/** Frees the key after a failed request. It does nothing if a response is stored. */
export async function releaseKey(
  upstash: Upstash,
  { redisKey, field, entry }: IdempotencyClaim,
): Promise<void> {
  await upstash.eval({ script: RELEASE_SCRIPT, keys: [redisKey], args: [field, entry] }, string());
}

/** A stored response can be decrypted only for its own key. */
function contextOf({ redisKey, field }: IdempotencyClaim): string {
  return `${redisKey} ${field}`;
}

async function sha256(text: string): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))).toHex();
}
