import { parseEnv } from "../env.ts";
import { Failure } from "../errors.ts";
import { mayOwnWebhooks } from "../http/auth.ts";
import { createPageSource } from "../page-source/create-page-source.ts";
import { budgetFor } from "../page-source/subrequest-budget.ts";
import { countsOf } from "../telemetry/counters.ts";
import { countersOf, writeLogLine } from "../telemetry/request-logger.ts";
import { createRequestStats } from "../telemetry/request-stats.ts";
import { NO_SPANS, type Spans } from "../telemetry/spans.ts";
import { DEADLINES, type Deadlines } from "../timeout.ts";
import { createUpstash } from "../upstash.ts";
import { countedQueue, type DeliveryDeps, dispatch, runJobs } from "./delivery.ts";
import { ownHosts } from "./endpoint-url.ts";
import { createOutbox } from "./outbox.ts";
import { createPollSchedule } from "./poll-schedule.ts";
import { poll } from "./poller.ts";
import { createSecretCipher } from "./secret-cipher.ts";

/** The Worker's scheduled and queue handlers: the poller and the deliveries. */

/** The poller's share of the calls in a window (`UPSTREAM_LIMIT`). The rest is left for requests. */
const POLLER_QUOTA_SHARE = 1 / 3;
/** Longest run of the poller. Shorter than the cron interval of 15 min in wrangler.toml, so that runs do not overlap. */
const MAX_POLL_MS = 10 * 60_000;
/**
 * Subrequests that polling leaves for the end of a run: `dispatch`, with one `sendBatch()` for each 100 messages, and
 * the counters. A script counts twice when Redis does not have it cached.
 */
const RESERVED_SUBREQUESTS = 13;
/** Most subrequests of one polled symbol: a fetched page (the poller has no edge cache), and the record of the poll. */
const SUBREQUESTS_PER_POLL = 8;

/** Replaceable in tests. */
interface JobDeps {
  /** Unix time, milliseconds. */
  readonly now: () => number;
  readonly wait: (waitMs: number) => Promise<void>;
  readonly deadlines: Deadlines;
  readonly spans: Spans;
}
export type JobOptions = Partial<JobDeps>;

const DEFAULTS: JobDeps = {
  now: () => Date.now(),
  wait: (waitMs) => new Promise((resolve) => setTimeout(resolve, waitMs)),
  deadlines: DEADLINES,
  spans: NO_SPANS,
};

/** The cron handler: dispatches due deliveries and polls for new rows. Without a queue it does nothing. */
export async function runPoller(env: unknown, options: JobOptions = {}): Promise<void> {
  const { now, wait, deadlines, spans } = { ...DEFAULTS, ...options };
  const config = parseEnv(env);
  const { queue } = config.webhooks;
  if (!queue) return;
  const startedAt = now();
  const stats = createRequestStats(now, { spans });
  const upstash = createUpstash(config.upstash, deadlines.upstash, stats.countSubrequest);
  const outbox = createOutbox(upstash, now);
  const dispatchDue = () => dispatch({ outbox, queue: countedQueue(queue, stats) });
  const budget = budgetFor(stats, config.subrequests - RESERVED_SUBREQUESTS, SUBREQUESTS_PER_POLL);
  const clientShare = Math.max(1, Math.floor(config.quota.limit * POLLER_QUOTA_SHARE));
  const background: Promise<unknown>[] = [];
  const pages = createPageSource(
    { ...config, quota: { ...config.quota, clientShare } },
    {
      client: "poller",
      waitUntil: (work) => background.push(work.catch(() => undefined)),
      freshOnly: true,
      stats,
      budget,
      deadlines,
      now,
    },
  );
  const schedule = createPollSchedule(upstash, now);
  const deps = { schedule, pages, budget, now, wait, maxDurationMs: MAX_POLL_MS };
  // Most runs have nothing to do, and a look costs less than a claim.
  const dispatchIfDue = async () => {
    if (await outbox.hasDue()) await dispatchDue();
  };
  const pollIfDue = async () => {
    // A new message is dispatched without a look: a replica may not know it yet.
    if (await schedule.hasDue()) await poll(deps, dispatchDue);
  };
  // A failure must not skip the steps after it. The next run repeats the failed step.
  const logged = (step: string) => (thrown: unknown) =>
    console.error(`${step} stopped early: ${Failure.from(thrown).code}`);
  await dispatchIfDue().catch(logged("dispatch"));
  await pollIfDue().catch(logged("poller"));
  for (const work of background) await work;
  writeLogLine({ route: "poller", requestId: crypto.randomUUID(), ms: now() - startedAt }, stats);
  await countersOf(config.upstash, stats, () => undefined).flush(countsOf(stats, undefined));
}

/**
 * The queue handler: runs a batch of delivery jobs.
 * @throws Failure `misconfigured` without `WEBHOOK_QUEUE` or `API_KEYS`; the queue then retries the batch
 */
export async function runDeliveries(
  { messages }: Pick<MessageBatch, "messages">,
  env: unknown,
  options: JobOptions = {},
): Promise<void> {
  const { now, deadlines, spans } = { ...DEFAULTS, ...options };
  const config = parseEnv(env);
  const { queue, trustedOrigins, secretKeys } = config.webhooks;
  if (!queue) throw new Failure("misconfigured", "WEBHOOK_QUEUE is not set", { parameter: "WEBHOOK_QUEUE" });
  // Otherwise every webhook would be disabled as revoked.
  if (!config.auth.apiKeys) {
    throw new Failure("misconfigured", "API_KEYS is not set, but webhooks need it", {
      parameter: "API_KEYS",
    });
  }
  const deps: DeliveryDeps = {
    outbox: createOutbox(createUpstash(config.upstash, deadlines.upstash), now),
    queue,
    rules: { trustedOrigins, ownHosts: ownHosts(config) },
    cipher: createSecretCipher(secretKeys),
    isOwner: (owner) => mayOwnWebhooks(owner, config.auth),
    timeoutMs: deadlines.receiver,
    now,
    spans,
  };
  await runJobs(deps, messages);
}
