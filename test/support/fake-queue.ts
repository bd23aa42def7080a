import type { DeliveryJob } from "../../functions/webhooks/delivery.ts";
import type { Clock } from "./data-center.ts";

/** As in wrangler.toml. */
const BATCH_SIZE = 5;
/** Cloudflare runs up to 250 consumers. */
const MAX_CONCURRENCY = 20;

interface QueuedJob {
  readonly body: DeliveryJob;
  /** Unix time, milliseconds. */
  readonly deliverAt: number;
  readonly attempts: number;
}

/** Simulates the crash of a Worker: after `remaining` effects outside the Worker, every further one fails. */
export class CrashSwitch {
  remaining = Number.POSITIVE_INFINITY;

  get hasCrashed(): boolean {
    return this.remaining <= 0;
  }

  /** @throws if the Worker has crashed */
  countEffect(): void {
    if (this.hasCrashed) throw new Error("crashed");
    this.remaining -= 1;
  }
}

const switches = new Map<string, CrashSwitch>();
const realFetch = globalThis.fetch;
globalThis.fetch = async (input, init) => {
  const url = new URL(input instanceof Request ? input.url : String(input));
  switches.get(url.origin)?.countEffect();
  return realFetch(input, init);
};

/** Counts every request to `origin` as an effect of the Worker. */
export function countRequestsTo(origin: string, crash: CrashSwitch): void {
  switches.set(origin, crash);
}

/** Cloudflare Queues as documented, on a clock that tests move forward: unacknowledged messages are redelivered. */
export class FakeQueue {
  messages: QueuedJob[] = [];
  /** Longest delay of a message so far, in seconds. */
  longestDelay = 0;
  /** If set, sending fails. */
  broken = false;
  readonly operations = { written: 0, delivered: 0 };
  readonly #clock: Clock;
  readonly #crash: CrashSwitch;

  constructor(clock: Clock, crash: CrashSwitch) {
    this.#clock = clock;
    this.#crash = crash;
  }

  readonly send = async (body: DeliveryJob, { delaySeconds = 0 }: QueueSendOptions = {}) => {
    return this.sendBatch([{ body, delaySeconds }]);
  };

  readonly sendBatch = async (batch: Iterable<MessageSendRequest<DeliveryJob>>) => {
    this.#crash.countEffect();
    if (this.broken) throw new Error("Too Many Requests");
    const requests = [...batch];
    // Limits and serialization of Cloudflare Queues.
    if (requests.length > 100) throw new Error("Too many messages in a batch");
    for (const { body, delaySeconds = 0 } of requests) {
      this.longestDelay = Math.max(this.longestDelay, delaySeconds);
      if (delaySeconds > 86_400) throw new Error("The delay is too long");
      const copy: DeliveryJob = JSON.parse(JSON.stringify(body));
      this.operations.written += 1;
      const deliverAt = this.#clock.now() + delaySeconds * 1_000;
      this.messages.push({ body: copy, deliverAt, attempts: 1 });
    }
    return { metadata: { metrics: { backlogCount: 0, backlogBytes: 0 } } };
  };

  /** Delivers due messages in batches to concurrent consumers. @returns the number of messages */
  async deliver(consume: (messages: Message[]) => Promise<void>): Promise<number> {
    const now = this.#clock.now();
    const due = this.messages.filter(({ deliverAt }) => deliverAt <= now);
    this.messages = this.messages.filter(({ deliverAt }) => deliverAt > now);
    this.operations.delivered += due.length;
    const batches = Array.from({ length: Math.ceil(due.length / BATCH_SIZE) }, (_, index) =>
      due.slice(index * BATCH_SIZE, (index + 1) * BATCH_SIZE),
    );
    const runConsumer = async () => {
      for (let batch = batches.shift(); batch; batch = batches.shift())
        await this.#deliverBatch(batch, consume);
    };
    await Promise.all(Array.from({ length: MAX_CONCURRENCY }, runConsumer));
    return due.length;
  }

  async #deliverBatch(batch: QueuedJob[], consume: (messages: Message[]) => Promise<void>): Promise<void> {
    const outcomes = new Map<QueuedJob, "ack" | { delaySeconds: number }>();
    const failed = await consume(
      batch.map((job) => ({
        id: crypto.randomUUID(),
        timestamp: new Date(this.#clock.now()),
        body: job.body,
        attempts: job.attempts,
        ack: () => outcomes.set(job, "ack"),
        retry: ({ delaySeconds = 0 } = {}) => outcomes.set(job, { delaySeconds }),
      })),
    ).then(
      () => false,
      () => true,
    );
    const isLost = failed || this.#crash.hasCrashed;
    for (const job of batch) {
      const outcome = isLost ? { delaySeconds: 0 } : (outcomes.get(job) ?? "ack");
      if (outcome === "ack") continue;
      const { body, attempts } = job;
      const deliverAt = this.#clock.now() + outcome.delaySeconds * 1_000;
      this.messages.push({ body, attempts: attempts + 1, deliverAt });
    }
  }
}
