import { Failure } from "../errors.ts";
import { NoQuery, parseQuery } from "../http/parameters.ts";
import type { AppContext } from "../middleware/app-env.ts";
import { stringify } from "../short-interest/json.ts";
import { DEADLINES } from "../timeout.ts";
import { createUpstash } from "../upstash.ts";
import { type EndpointRules, ownHosts } from "../webhooks/endpoint-url.ts";
import { createPollSchedule } from "../webhooks/poll-schedule.ts";
import { createSecretCipher } from "../webhooks/secret-cipher.ts";
import { createSubscriptions, type Subscription, type Subscriptions } from "../webhooks/subscriptions.ts";

/** Code that the routes of `/v1/webhooks` share. */

export const JSON_HEADERS = { "Content-Type": "application/json", "Cache-Control": "no-store" };

export function jsonResponse(
  context: AppContext,
  record: object,
  status: 200 | 201 | 202 = 200,
  headers: Record<string, string> = {},
): Response {
  return context.body(stringify(record), status, { ...JSON_HEADERS, ...headers });
}

/**
 * The owner and the dependencies of a webhook request.
 * @throws Failure `invalid_parameter` for a query parameter, `misconfigured` without `WEBHOOK_QUEUE`
 */
export function webhookContext({ req, var: { config, client, stats } }: AppContext) {
  parseQuery(NoQuery, req.url);
  const { queue } = config.webhooks;
  if (!queue) {
    throw new Failure("misconfigured", "WEBHOOK_QUEUE is not set", { parameter: "WEBHOOK_QUEUE" });
  }
  const upstash = createUpstash(config.upstash, DEADLINES.upstash, stats.countSubrequest);
  const rules: EndpointRules = {
    trustedOrigins: config.webhooks.trustedOrigins,
    ownHosts: [...ownHosts(config), new URL(req.url).hostname],
  };
  return {
    owner: client,
    queue,
    upstash,
    subscriptions: createSubscriptions(upstash, Date.now),
    schedule: createPollSchedule(upstash, Date.now),
    cipher: createSecretCipher(config.webhooks.secretKeys),
    rules,
  };
}

/** @throws Failure `not_found` */
export async function findOwned(
  subscriptions: Subscriptions,
  owner: string,
  id: string,
): Promise<Subscription> {
  const [found] = await subscriptions.find(owner, id);
  if (!found) throw notFound();
  return found;
}

export function notFound(): Failure {
  return new Failure("not_found", "No webhook with this ID");
}
