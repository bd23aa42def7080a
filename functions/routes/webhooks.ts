import { Failure } from "../errors.ts";
import { countCostly } from "../http/access.ts";
import { NoQuery, parseBody, parseQuery } from "../http/parameters.ts";
import type { AppContext } from "../middleware/app-env.ts";
import { stringify } from "../short-interest/json.ts";
import { formatSymbol, parseSymbol } from "../short-interest/symbol.ts";
import { DEADLINES } from "../timeout.ts";
import { createUpstash } from "../upstash.ts";
import { type EndpointRule, ownHosts, parseEndpoint } from "../webhooks/endpoint.ts";
import { entryOf, testMessage } from "../webhooks/messages.ts";
import { isSuccess, type Try } from "../webhooks/schedule.ts";
import { createSecretCipher, type SecretCipher, signingSecrets } from "../webhooks/secret-cipher.ts";
import { send } from "../webhooks/send.ts";
import { newSecret } from "../webhooks/signature.ts";
import {
  createSubscriptions,
  type Duplicate,
  MOST_SECRETS,
  MOST_WEBHOOKS,
  OLD_SECRET_MS,
  type Subscription,
  type Subscriptions,
} from "../webhooks/subscriptions.ts";
import { createWatchlist } from "../webhooks/watchlist.ts";
import { NewSecret, NewWebhook, Nothing, WebhookChanges } from "./webhook-parameters.ts";

/** `/v1/webhooks`: the webhooks of whoever holds the key, and of nobody else. */

/** `POST /v1/webhooks`: makes one, if its receiver answers a test message well. */
export async function createWebhook(context: AppContext): Promise<Response> {
  const { owner, subscriptions, cipher, rule } = officeOf(context);
  const wanted = await parseBody(NewWebhook, context.req);
  const id = `wh_${crypto.randomUUID().replaceAll("-", "")}`;
  const { secret = newSecret() } = wanted;
  const made = {
    id,
    url: parseEndpoint(wanted.url, rule).href,
    symbols: symbolsOf(wanted.symbols),
    description: wanted.description,
    createdAt: Date.now(),
    host: new URL(context.req.url).hostname,
    storedSecrets: [await cipher.encrypt(id, secret)],
  };
  const { tried, entry } = await sendTest(context, made, { cipher, rule });
  if (!isSuccess(tried)) throw unverified(tried);
  const created = await subscriptions.create(owner, made);
  if (created === "full") throw new Failure("limit_reached", `A key has at most ${MOST_WEBHOOKS} webhooks`);
  if (created !== "done") throw duplicate(created);
  await subscriptions.note(id, entry, true);
  const record = { ...recordOf({ ...made, reason: null, failingSince: null }), secret };
  return answer(context, record, 201, { Location: `/v1/webhooks/${id}` });
}

/** `GET /v1/webhooks`: those of this key, oldest first. */
export async function listWebhooks(context: AppContext): Promise<Response> {
  const { owner, subscriptions } = officeOf(context);
  return answer(context, { items: (await subscriptions.find(owner)).map(recordOf) });
}

/** `GET /v1/webhooks/{id}`: one, and what is known of its symbols. */
export async function getWebhook(context: AppContext, id: string): Promise<Response> {
  const { owner, subscriptions, watchlist } = officeOf(context);
  const subscription = await find(subscriptions, owner, id);
  const watched = await watchlist.known(subscription.symbols);
  const records = watched.map(({ symbol, newest, checkedAt, problem }) => ({
    symbol,
    newest,
    checked_at: secondsOf(checkedAt),
    problem,
  }));
  return answer(context, { ...recordOf(subscription), watched: records });
}

/** `PATCH /v1/webhooks/{id}`: what is sent to another address, or again, is verified first. */
export async function changeWebhook(context: AppContext, id: string): Promise<Response> {
  const { owner, subscriptions, cipher, rule } = officeOf(context);
  const changes = await parseBody(WebhookChanges, context.req);
  const symbols = changes.symbols && symbolsOf(changes.symbols);
  const before = await find(subscriptions, owner, id);
  const url = changes.url === undefined ? before.url : parseEndpoint(changes.url, rule).href;
  const begins = changes.active === true && before.reason !== null;
  if (url !== before.url || begins) {
    const { tried, entry } = await sendTest(context, { ...before, url }, { cipher, rule });
    if (!isSuccess(tried)) throw unverified(tried);
    await subscriptions.note(id, entry, true);
  }
  const changed = {
    // Another request may change meanwhile what this one leaves alone.
    url: changes.url === undefined ? undefined : url,
    symbols,
    description: changes.description,
    // A webhook that has ended since it was read was not verified.
    active: changes.active === true && !begins ? undefined : changes.active,
  };
  const result = await subscriptions.change(owner, id, changed);
  if (result === "none") throw unknown();
  if (result !== "done") throw duplicate(result);
  return answer(context, recordOf(await find(subscriptions, owner, id)));
}

/** `DELETE /v1/webhooks/{id}` */
export async function deleteWebhook(context: AppContext, id: string): Promise<Response> {
  const { owner, subscriptions } = officeOf(context);
  if (!(await subscriptions.remove(owner, id))) throw unknown();
  return new Response(null, { status: 204 });
}

/** `POST /v1/webhooks/{id}/rotate`: another secret. The older ones sign for a day more, unless they are revoked. */
export async function rotateSecret(context: AppContext, id: string): Promise<Response> {
  const { owner, subscriptions, cipher } = officeOf(context);
  const { secret = newSecret(), revoke } = await parseBody(NewSecret, context.req);
  const until = revoke ? null : Date.now() + OLD_SECRET_MS;
  const rotated = await subscriptions.rotate(owner, id, await cipher.encrypt(id, secret), revoke);
  if (rotated === "none") throw unknown();
  if (rotated === "full") {
    throw new Failure(
      "limit_reached",
      `Already ${MOST_SECRETS} secrets sign; the first ends within a day, or at once with "revoke": true`,
    );
  }
  return answer(context, { id, secret, old_secret_until: secondsOf(until) });
}

/** `POST /v1/webhooks/{id}/test`: sends a test message, and says how that went. */
export async function testWebhook(context: AppContext, id: string): Promise<Response> {
  const { owner, subscriptions, cipher, rule } = officeOf(context);
  await parseBody(Nothing, context.req);
  const { tried, entry } = await sendTest(context, await find(subscriptions, owner, id), { cipher, rule });
  await subscriptions.note(id, entry, isSuccess(tried));
  return context.body(entry, 200, JSON_NOT_KEPT);
}

/** `GET /v1/webhooks/{id}/deliveries`: the last tries, newest first. */
export async function listDeliveries(context: AppContext, id: string): Promise<Response> {
  const { owner, subscriptions } = officeOf(context);
  await find(subscriptions, owner, id);
  const entries = await subscriptions.tries(id);
  return context.body(`{"items":[${entries.join()}]}`, 200, JSON_NOT_KEPT);
}

const JSON_NOT_KEPT = { "Content-Type": "application/json", "Cache-Control": "no-store" };

function answer(
  context: AppContext,
  record: object,
  status: 200 | 201 = 200,
  headers: Record<string, string> = {},
): Response {
  return context.body(stringify(record), status, { ...JSON_NOT_KEPT, ...headers });
}

/**
 * What a request about webhooks needs.
 * @throws Failure `invalid_parameter` for a query, `misconfigured` where there is no queue, or no key for secrets
 */
function officeOf({ req, var: { config, client, stats } }: AppContext) {
  parseQuery(NoQuery, req.url);
  if (!config.webhooks.queue) {
    throw new Failure("misconfigured", "WEBHOOK_QUEUE is not set", { parameter: "WEBHOOK_QUEUE" });
  }
  const upstash = createUpstash(config.upstash, DEADLINES.upstash, stats.countSubrequest);
  const rule: EndpointRule = {
    trustedOrigins: config.webhooks.trustedOrigins,
    ownHosts: [...ownHosts(config), new URL(req.url).hostname],
  };
  return {
    owner: client,
    subscriptions: createSubscriptions(upstash, Date.now),
    watchlist: createWatchlist(upstash, Date.now),
    cipher: createSecretCipher(config.webhooks.secretKeys),
    rule,
  };
}

/** @throws Failure `invalid_symbol` or `unsupported_market`, with the place of the first that is none */
function symbolsOf(texts: readonly string[]): string[] {
  const names = texts.map((text, at) => {
    try {
      return formatSymbol(parseSymbol(text));
    } catch (thrown) {
      const { code, detail } = Failure.from(thrown);
      throw new Failure(code, `Symbol ${at + 1}: ${detail}`, { parameter: "symbols" });
    }
  });
  return [...new Set(names)];
}

/** @throws Failure `not_found` */
async function find(subscriptions: Subscriptions, owner: string, id: string): Promise<Subscription> {
  const [found] = await subscriptions.find(owner, id);
  if (!found) throw unknown();
  return found;
}

/** @throws Failure `too_many_requests`: nobody is to be flooded by way of this service */
async function sendTest(
  { var: { config, client } }: AppContext,
  { id, url, storedSecrets }: Pick<Subscription, "id" | "url" | "storedSecrets">,
  { cipher, rule }: { readonly cipher: SecretCipher; readonly rule: EndpointRule },
): Promise<{ tried: Try; entry: string }> {
  await countCostly(client, "test messages", config.access);
  const secrets = await signingSecrets(cipher, id, storedSecrets);
  const message = testMessage(id, Date.now());
  const tried = await send({ url, message, secrets }, rule, DEADLINES.receiver, Date.now);
  return { tried, entry: entryOf(message, tried, { dueAt: null }) };
}

function recordOf(subscription: Omit<Subscription, "storedSecrets" | "host">) {
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

function secondsOf(ms: number | null): number | null {
  return ms === null ? null : Math.floor(ms / 1_000);
}

function unverified({ status, error }: Try): Failure {
  const what = status === null ? `did not answer (${error})` : `answered ${status}`;
  return new Failure("unverified_endpoint", `The receiver ${what} to a test message; it must answer 2xx`, {
    parameter: "url",
  });
}

function duplicate({ duplicateOf }: Duplicate): Failure {
  return new Failure("duplicate_webhook", `The webhook ${duplicateOf} has the same URL and symbols`);
}

function unknown(): Failure {
  return new Failure("not_found", "There is no such webhook");
}
