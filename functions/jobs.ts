import { DEADLINES } from "./deadline.ts";
import { type Config, parseEnv } from "./env.ts";
import { Failure } from "./failure.ts";
import { createGateway, roomOf } from "./gateway.ts";
import { isHolder } from "./http/access.ts";
import { createTrace, type Trace } from "./trace.ts";
import { createUpstash, type Upstash } from "./upstash.ts";
import { type DeliveryParts, deliver, dispatch, type OrderQueue } from "./webhooks/deliver.ts";
import { ownHosts } from "./webhooks/endpoint.ts";
import { createOutbox } from "./webhooks/outbox.ts";
import { watch } from "./webhooks/watch.ts";
import { createWatchlist } from "./webhooks/watchlist.ts";

/** What the platform starts by itself, without a request: the watch for news, and deliveries. */

/** The watch may cause this part of the calls of a window, which leaves the rest to callers. */
const WATCH_SHARE = 1 / 3;
/** The watch ends before the next one begins. */
const WATCH_MS = 10 * 60_000;
/** Subrequests that are left for what was published: a question, and a message to the queue for each hundred. */
const DISPATCH_SUBREQUESTS = 11;

/** What tests pass in. */
const DEFAULTS = {
  /** Unix time, milliseconds. */
  now: Date.now,
  wait: (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms)),
  deadlines: DEADLINES as { readonly [step in keyof typeof DEADLINES]: number },
};
export type JobOptions = Partial<typeof DEFAULTS>;

/** The cron: sends what was left lying, and looks for news. */
export async function runWatch(env: unknown, options: JobOptions = {}): Promise<void> {
  const { now, wait, deadlines } = { ...DEFAULTS, ...options };
  const config = parseEnv(env);
  const { queue } = config.webhooks;
  if (!queue) return;
  const trace = createTrace(now);
  const upstash = countedUpstash(config, trace, deadlines.upstash);
  const outbox = createOutbox(upstash, now);
  const send = () => dispatch({ outbox, queue: counted(queue, trace) });
  await send();

  const room = roomOf(trace, { ...config, subrequests: config.subrequests - DISPATCH_SUBREQUESTS });
  const clientShare = Math.max(1, Math.floor(config.quota.limit * WATCH_SHARE));
  const underway = new Set<Promise<unknown>>();
  const background = (work: Promise<unknown>) => {
    const ended: Promise<unknown> = work.catch(() => undefined).then(() => underway.delete(ended));
    underway.add(ended);
  };
  const refreshed = async () => {
    while (underway.size > 0) await Promise.all(underway);
  };
  const pages = createGateway(
    { ...config, quota: { ...config.quota, clientShare } },
    { client: "watch", background, trace, room, deadlines, now },
  );
  const watchlist = createWatchlist(upstash, now);
  try {
    await watch({ watchlist, pages, room, refreshed, now, wait, ms: WATCH_MS }, send);
  } catch (thrown) {
    // The rest has its turn the next time.
    console.error(`the watch has ended early: ${Failure.from(thrown).code}`);
  }
  await refreshed();
}

/** A batch of the queue. */
export async function runDeliveries(
  { messages }: Pick<MessageBatch, "messages">,
  env: unknown,
  options: JobOptions = {},
): Promise<void> {
  const { now, deadlines } = { ...DEFAULTS, ...options };
  const config = parseEnv(env);
  const { queue, trustedOrigins } = config.webhooks;
  if (!queue) throw new Failure("misconfigured", "WEBHOOK_QUEUE is not set", { parameter: "WEBHOOK_QUEUE" });
  const parts: DeliveryParts = {
    outbox: createOutbox(createUpstash(config.upstash, deadlines.upstash), now),
    queue,
    trustedOrigins,
    ownHosts: ownHosts(config),
    isOwner: (owner) => isHolder(owner, config.access),
    ms: deadlines.receiver,
    now,
  };
  await deliver(parts, messages);
}

function countedUpstash(config: Config, trace: Trace, ms: number): Upstash {
  return createUpstash(config.upstash, ms, () => {
    trace.subrequests += 1;
  });
}

function counted(queue: OrderQueue, trace: Trace): Pick<OrderQueue, "sendBatch"> {
  return {
    sendBatch(messages) {
      trace.subrequests += 1;
      return queue.sendBatch(messages);
    },
  };
}
