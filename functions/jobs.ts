import { type Config, parseEnv } from "./env.ts";
import { Failure } from "./errors.ts";
import { isHolder } from "./http/access.ts";
import { createPageSource } from "./page-source/create.ts";
import { budgetFor } from "./page-source/subrequest-budget.ts";
import { countsOf } from "./telemetry/counters.ts";
import { countersOf, writeLogLine } from "./telemetry/request-logger.ts";
import { createRequestStats, type RequestStats } from "./telemetry/request-stats.ts";
import { DEADLINES, type Deadlines } from "./timeout.ts";
import { createUpstash, type Upstash } from "./upstash.ts";
import { type DeliveryParts, deliver, dispatch, type OrderQueue } from "./webhooks/deliver.ts";
import { ownHosts } from "./webhooks/endpoint.ts";
import { createOutbox } from "./webhooks/outbox.ts";
import { createSecretCipher } from "./webhooks/secret-cipher.ts";
import { watch } from "./webhooks/watch.ts";
import { createWatchlist } from "./webhooks/watchlist.ts";

/** What the platform starts by itself, without a request: the watch for news, and deliveries. */

/** The watch may cause this part of the calls of a window, which leaves the rest to callers. */
const WATCH_SHARE = 1 / 3;
/** The watch ends before the next one begins. */
const WATCH_MS = 10 * 60_000;
/**
 * Subrequests that are left for the end: for what was published a question, and a message to the queue for each
 * hundred; for the counters one, and once more with their script's text.
 */
const LAST_SUBREQUESTS = 13;
/** For a page that is not kept at the edge, and the note of it, with each script's text sent once more. */
const SUBREQUESTS_OF_A_LOOK = 8;

/** What tests pass in. */
interface Surroundings {
  /** Unix time, milliseconds. */
  readonly now: () => number;
  /** Waits so many milliseconds. */
  readonly wait: (ms: number) => Promise<void>;
  readonly deadlines: Deadlines;
}
export type JobOptions = Partial<Surroundings>;

const DEFAULTS: Surroundings = {
  now: Date.now,
  wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  deadlines: DEADLINES,
};

/** The cron: sends what was left lying, and looks for news. */
export async function runWatch(env: unknown, options: JobOptions = {}): Promise<void> {
  const { now, wait, deadlines } = { ...DEFAULTS, ...options };
  const config = parseEnv(env);
  const { queue } = config.webhooks;
  if (!queue) return;
  const began = now();
  const stats = createRequestStats(now);
  const upstash = countedUpstash(config, stats, deadlines.upstash);
  const outbox = createOutbox(upstash, now);
  const send = () => dispatch({ outbox, queue: counted(queue, stats) });
  const budget = budgetFor(stats, config.subrequests - LAST_SUBREQUESTS, SUBREQUESTS_OF_A_LOOK);
  const clientShare = Math.max(1, Math.floor(config.quota.limit * WATCH_SHARE));
  const underway: Promise<unknown>[] = [];
  const pages = createPageSource(
    { ...config, quota: { ...config.quota, clientShare } },
    {
      client: "watch",
      waitUntil: (work) => underway.push(work.catch(() => undefined)),
      freshOnly: true,
      stats,
      budget,
      deadlines,
      now,
    },
  );
  const watchlist = createWatchlist(upstash, now);
  // What is left undone has its turn the next time.
  const logged = (what: string) => (thrown: unknown) =>
    console.error(`${what} has ended early: ${Failure.from(thrown).code}`);
  await send().catch(logged("sending what is due"));
  await watch({ watchlist, pages, budget, now, wait, ms: WATCH_MS }, send).catch(logged("the watch"));
  for (const work of underway) await work;
  writeLogLine({ route: "watch", requestId: crypto.randomUUID(), ms: now() - began }, stats);
  await countersOf(config.upstash, stats, () => undefined).flush(countsOf(stats, undefined));
}

/** A batch of the queue. */
export async function runDeliveries(
  { messages }: Pick<MessageBatch, "messages">,
  env: unknown,
  options: JobOptions = {},
): Promise<void> {
  const { now, deadlines } = { ...DEFAULTS, ...options };
  const config = parseEnv(env);
  const { queue, trustedOrigins, secretKeys } = config.webhooks;
  if (!queue) throw new Failure("misconfigured", "WEBHOOK_QUEUE is not set", { parameter: "WEBHOOK_QUEUE" });
  // Without any key nobody is the owner of anything, which cannot be meant.
  if (!config.access.apiKeys) {
    throw new Failure("misconfigured", "API_KEYS is not set, but there are webhooks", {
      parameter: "API_KEYS",
    });
  }
  const parts: DeliveryParts = {
    outbox: createOutbox(createUpstash(config.upstash, deadlines.upstash), now),
    queue,
    rule: { trustedOrigins, ownHosts: ownHosts(config) },
    cipher: createSecretCipher(secretKeys),
    isOwner: (owner) => isHolder(owner, config.access),
    ms: deadlines.receiver,
    now,
  };
  await deliver(parts, messages);
}

function countedUpstash(config: Config, stats: RequestStats, ms: number): Upstash {
  return createUpstash(config.upstash, ms, stats.countSubrequest);
}

function counted(queue: OrderQueue, stats: RequestStats): Pick<OrderQueue, "sendBatch"> {
  return {
    sendBatch(messages) {
      stats.countSubrequest();
      return queue.sendBatch(messages);
    },
  };
}
