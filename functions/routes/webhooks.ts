import { type InferOutput, object, parse, string } from "valibot";
import { Failure } from "../errors.ts";
import { limitExpensive } from "../http/auth.ts";
import { parseBody } from "../http/parameters.ts";
import type { AppContext } from "../middleware/app-env.ts";
import { stringify } from "../short-interest/json.ts";
import { formatSymbol, parseSymbol } from "../short-interest/symbol.ts";
import { DEADLINES } from "../timeout.ts";
import { countedQueue, sendJobs } from "../webhooks/delivery.ts";
import { type EndpointRules, parseEndpoint } from "../webhooks/endpoint-url.ts";
import { claimKey, type IdempotencyClaim, releaseKey, storedEntry } from "../webhooks/idempotency.ts";
import { logEntry, testMessage } from "../webhooks/messages.ts";
import { NewSecret, NewWebhook, Nothing, ReplayRequest, WebhookChanges } from "../webhooks/parameters.ts";
import { MESSAGE_TTL_MS } from "../webhooks/redis-keys.ts";
import { replayHeld } from "../webhooks/replay.ts";
import { type Attempt, isSuccess } from "../webhooks/retry-policy.ts";
import { type SecretCipher, signingSecrets } from "../webhooks/secret-cipher.ts";
import { sendMessage } from "../webhooks/send-message.ts";
import { newSecret } from "../webhooks/signature.ts";
import {
  type Duplicate,
  MAX_SIGNING_SECRETS,
  MAX_WEBHOOKS,
  SECRET_OVERLAP_MS,
  type Subscription,
} from "../webhooks/subscriptions.ts";
import { findOwned, JSON_HEADERS, jsonResponse, notFound, webhookContext } from "./webhook-context.ts";

/** `/v1/webhooks`: an API key sees only its own webhooks. */

/**
 * `POST /v1/webhooks`: creates a webhook if its receiver accepts a test message. A repeated request with the same
 * `Idempotency-Key` gets the first response again, with the secret.
 */
export async function createWebhook(context: AppContext): Promise<Response> {
  const { owner, upstash, cipher } = webhookContext(context);
  const settings = await parseBody(NewWebhook, context.req);
  const key = context.req.header("Idempotency-Key");
  if (key === undefined) return createdResponse(context, await create(context, settings));
  const claimed = await claimKey({ upstash, cipher }, owner, key, settings, Date.now());
  if (typeof claimed === "string") {
    return createdResponse(context, claimed, { "Idempotent-Replayed": "true" });
  }
  try {
    return createdResponse(context, await create(context, settings, claimed));
  } catch (thrown) {
    await releaseKey(upstash, claimed).catch(() => undefined);
    throw thrown;
  }
}

/** @returns the webhook with its secret, as JSON */
async function create(
  context: AppContext,
  settings: InferOutput<typeof NewWebhook>,
  claim?: IdempotencyClaim,
): Promise<string> {
  const { owner, subscriptions, cipher, rules } = webhookContext(context);
  const id = `wh_${crypto.randomUUID().replaceAll("-", "")}`;
  const { secret = newSecret() } = settings;
  const subscription = {
    id,
    url: parseEndpoint(settings.url, rules).href,
    symbols: parseSymbols(settings.symbols),
    description: settings.description,
    createdAt: Date.now(),
    host: new URL(context.req.url).hostname,
    storedSecrets: [await cipher.encrypt(id, secret)],
  };
  const record = stringify({ ...webhookJson({ ...subscription, reason: null, failingSince: null }), secret });
  const { attempt, entry } = await sendTest(context, subscription, { cipher, rules });
  if (!isSuccess(attempt)) throw verificationFailed(attempt);
  const idempotent = claim && {
    field: claim.field,
    entry: await storedEntry(claim, cipher, record, Date.now()),
  };
  const created = await subscriptions.create(owner, subscription, idempotent);
  if (created === "limit_reached") {
    throw new Failure("limit_reached", `A key has at most ${MAX_WEBHOOKS} webhooks`);
  }
  if (created !== "done") throw duplicate(created);
  await subscriptions.recordTest(id, entry, true);
  return record;
}

function createdResponse(
  context: AppContext,
  record: string,
  headers: Record<string, string> = {},
): Response {
  const { id } = parse(object({ id: string() }), JSON.parse(record));
  return context.body(record, 201, { ...JSON_HEADERS, Location: `/v1/webhooks/${id}`, ...headers });
}

/** `GET /v1/webhooks`: the webhooks of this key, oldest first. */
export async function listWebhooks(context: AppContext): Promise<Response> {
  const { owner, subscriptions } = webhookContext(context);
  return jsonResponse(context, { items: (await subscriptions.find(owner)).map(webhookJson) });
}

/** `GET /v1/webhooks/{id}`: a webhook with the status of its symbols. */
export async function getWebhook(context: AppContext, id: string): Promise<Response> {
  const { owner, subscriptions, schedule } = webhookContext(context);
  const subscription = await findOwned(subscriptions, owner, id);
  const statuses = await schedule.statusOf(subscription.symbols);
  const symbolStatus = statuses.map(({ symbol, newestTimestamp, checkedAt, error }) => ({
    symbol,
    newest_timestamp: newestTimestamp,
    checked_at: secondsOf(checkedAt),
    error,
  }));
  return jsonResponse(context, { ...webhookJson(subscription), symbol_status: symbolStatus });
}

/** `PATCH /v1/webhooks/{id}`: a changed URL and a resumed webhook are verified by a test message. */
export async function changeWebhook(context: AppContext, id: string): Promise<Response> {
  const { owner, subscriptions, cipher, rules } = webhookContext(context);
  const changes = await parseBody(WebhookChanges, context.req);
  const symbols = changes.symbols && parseSymbols(changes.symbols);
  const before = await findOwned(subscriptions, owner, id);
  const url = changes.url === undefined ? before.url : parseEndpoint(changes.url, rules).href;
  const resumes = changes.active === true && before.reason !== null;
  if (url !== before.url || resumes) {
    const { attempt, entry } = await sendTest(context, { ...before, url }, { cipher, rules });
    if (!isSuccess(attempt)) throw verificationFailed(attempt);
    await subscriptions.recordTest(id, entry, true);
  }
  const result = await subscriptions.update(owner, id, {
    // Only members of this request: a concurrent request may change the others.
    url: changes.url === undefined ? undefined : url,
    symbols,
    description: changes.description,
    // A webhook that became inactive after it was read was not verified, so it is not resumed.
    active: changes.active === true && !resumes ? undefined : changes.active,
  });
  if (result === "not_found") throw notFound();
  if (result !== "done") throw duplicate(result);
  return jsonResponse(context, webhookJson(await findOwned(subscriptions, owner, id)));
}

/** `DELETE /v1/webhooks/{id}` */
export async function deleteWebhook(context: AppContext, id: string): Promise<Response> {
  const { owner, subscriptions } = webhookContext(context);
  if (!(await subscriptions.remove(owner, id))) throw notFound();
  return new Response(null, { status: 204 });
}

/** `POST /v1/webhooks/{id}/rotate`: replaces the signing secret. */
export async function rotateSecret(context: AppContext, id: string): Promise<Response> {
  const { owner, subscriptions, cipher } = webhookContext(context);
  const { secret = newSecret(), revoke } = await parseBody(NewSecret, context.req);
  const oldSecretsExpireAt = revoke ? null : Date.now() + SECRET_OVERLAP_MS;
  const rotated = await subscriptions.rotate(owner, id, await cipher.encrypt(id, secret), revoke);
  if (rotated === "not_found") throw notFound();
  if (rotated === "limit_reached") {
    throw new Failure(
      "limit_reached",
      `${MAX_SIGNING_SECRETS} secrets are active; wait until the oldest expires (within a day), or send "revoke": true`,
    );
  }
  return jsonResponse(context, { id, secret, old_secrets_expire_at: secondsOf(oldSecretsExpireAt) });
}

/** `POST /v1/webhooks/{id}/test`: sends a test message and returns its delivery log entry. */
export async function testWebhook(context: AppContext, id: string): Promise<Response> {
  const { owner, subscriptions, cipher, rules } = webhookContext(context);
  await parseBody(Nothing, context.req);
  const subscription = await findOwned(subscriptions, owner, id);
  const { attempt, entry } = await sendTest(context, subscription, { cipher, rules });
  await subscriptions.recordTest(id, entry, isSuccess(attempt));
  return context.body(entry, 200, JSON_HEADERS);
}

/** `POST /v1/webhooks/{id}/replay`: sends the messages that the receiver has not accepted. */
export async function replayWebhook(context: AppContext, id: string): Promise<Response> {
  const { owner, upstash, queue } = webhookContext(context);
  const { config, client, stats } = context.var;
  const since = (await parseBody(ReplayRequest, context.req)).since * 1_000;
  const now = Date.now();
  if (since > now) throw invalidSince("is in the future");
  if (since < now - MESSAGE_TTL_MS) throw invalidSince("is more than 14 days ago");
  await limitExpensive(client, "replays", config.auth);
  const replay = await replayHeld(upstash, { owner, id, since }, now);
  if (replay === "not_found") throw notFound();
  if (replay === "inactive") {
    throw new Failure("inactive_webhook", "The webhook is inactive: resume it first");
  }
  const { deliveryIds, hasMore } = replay;
  // If the queue fails, the poller dispatches them from the outbox.
  await sendJobs(countedQueue(queue, stats), deliveryIds).catch(() => undefined);
  return jsonResponse(context, { messages: deliveryIds.length, has_more: hasMore }, 202);
}

function invalidSince(problem: string): Failure {
  return new Failure("invalid_parameter", `since ${problem}`, { parameter: "since" });
}

/** `GET /v1/webhooks/{id}/deliveries`: the delivery log, newest first. */
export async function listDeliveries(context: AppContext, id: string): Promise<Response> {
  const { owner, subscriptions } = webhookContext(context);
  await findOwned(subscriptions, owner, id);
  const entries = await subscriptions.deliveryLog(id);
  return context.body(`{"items":[${entries.join()}]}`, 200, JSON_HEADERS);
}

/**
 * Normalizes symbols and removes duplicates.
 * @throws Failure `invalid_symbol` or `unsupported_market`, with the position of the first invalid symbol
 */
function parseSymbols(texts: readonly string[]): string[] {
  const names = texts.map((text, index) => {
    try {
      return formatSymbol(parseSymbol(text));
    } catch (thrown) {
      const { code, detail, didYouMean } = Failure.from(thrown);
      throw new Failure(code, `Symbol ${index + 1}: ${detail}`, { parameter: "symbols", didYouMean });
    }
  });
  return [...new Set(names)];
}

/** @throws Failure `too_many_requests`: otherwise a key could flood a third party with test messages */
async function sendTest(
  { var: { config, client } }: AppContext,
  { id, url, storedSecrets }: Pick<Subscription, "id" | "url" | "storedSecrets">,
  { cipher, rules }: { readonly cipher: SecretCipher; readonly rules: EndpointRules },
): Promise<{ attempt: Attempt; entry: string }> {
  await limitExpensive(client, "test messages", config.auth);
  const secrets = await signingSecrets(cipher, id, storedSecrets);
  const message = testMessage(id, Date.now());
  const attempt = await sendMessage({ url, message, secrets }, rules, DEADLINES.receiver, Date.now);
  return { attempt, entry: logEntry(message, attempt, { retryAt: null }) };
}

function webhookJson(subscription: Omit<Subscription, "storedSecrets" | "host">) {
  const { id, url, symbols, description, reason, failingSince, createdAt } = subscription;
  return {
    id,
    url,
    symbols,
    description,
    active: reason === null,
    reason,
    failing_since: secondsOf(failingSince),
    created_at: secondsOf(createdAt),
  };
}

function secondsOf(timeMs: number | null): number | null {
  return timeMs === null ? null : Math.floor(timeMs / 1_000);
}

function verificationFailed({ status, error }: Attempt): Failure {
  const outcome = status === null ? `got no response (${error})` : `was answered with status ${status}`;
  return new Failure(
    "unverified_endpoint",
    `The test message ${outcome}; the receiver must respond with 2xx`,
    {
      parameter: "url",
    },
  );
}

function duplicate({ duplicateOf }: Duplicate): Failure {
  return new Failure("duplicate_webhook", `The webhook ${duplicateOf} has the same URL and symbols`);
}
