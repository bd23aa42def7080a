import { expect } from "vitest";
import { type JobOptions, runDeliveries, runWatch } from "../../functions/jobs.ts";
import { DEADLINES, type Deadlines } from "../../functions/timeout.ts";
import type { Order } from "../../functions/webhooks/deliver.ts";
import type { OpendOptions } from "../stand-ins/opend.ts";
import type { ReceiverAnswer } from "../stand-ins/receiver.ts";
import { Clock } from "./data-center.ts";
import { sha256 } from "./keys.ts";
import { startGateway } from "./page-source.ts";
import { control } from "./stand-ins.ts";

const MINUTE = 60_000;
/** As in wrangler.toml. */
const BATCH = 5;
/** Cloudflare takes up to 250. */
const CONSUMERS = 20;

interface Queued {
  readonly body: Order;
  readonly at: number;
  readonly attempts: number;
}

/** How many things outside a Worker can still cause before it dies. What it does later does not happen. */
class Life {
  left = Number.POSITIVE_INFINITY;

  cause(): void {
    if (this.left <= 0) throw new Error("dead");
    this.left -= 1;
  }
}

/** Whose life it is that asks at an origin. */
const lives = new Map<string, Life>();
const real = globalThis.fetch;
globalThis.fetch = async (input, init) => {
  lives.get(new URL(input instanceof Request ? input.url : String(input)).origin)?.cause();
  return real(input, init);
};

/** A queue as Cloudflare describes it, on a clock that can be set forward. What is not acknowledged comes again. */
class TestQueue {
  messages: Queued[] = [];
  /** The longest that a message was to wait, in seconds. */
  longestDelay = 0;
  /** Throws at whatever is sent. */
  broken = false;
  /** Messages that were written to the queue, and that were handed out. */
  readonly operations = { written: 0, handedOut: 0 };
  readonly #clock: Clock;
  readonly #life: Life;

  constructor(clock: Clock, life: Life) {
    this.#clock = clock;
    this.#life = life;
  }

  readonly send = async (body: Order, { delaySeconds = 0 }: QueueSendOptions = {}) => {
    return this.sendBatch([{ body, delaySeconds }]);
  };

  readonly sendBatch = async (batch: Iterable<MessageSendRequest<Order>>) => {
    this.#life.cause();
    if (this.broken) throw new Error("Too Many Requests");
    const all = [...batch];
    // As Cloudflare does.
    if (all.length > 100) throw new Error("Too many messages in a batch");
    for (const { body, delaySeconds = 0 } of all) {
      this.longestDelay = Math.max(this.longestDelay, delaySeconds);
      if (delaySeconds > 86_400) throw new Error("The delay is too long");
      // A queue carries what JSON can.
      const copy: Order = JSON.parse(JSON.stringify(body));
      this.operations.written += 1;
      this.messages.push({ body: copy, at: this.#clock.now() + delaySeconds * 1_000, attempts: 1 });
    }
    return { metadata: { metrics: { backlogCount: 0, backlogBytes: 0 } } };
  };

  /** Hands out what is due, in batches, to several at once. @returns how many messages that were */
  async handOut(consume: (messages: Message[]) => Promise<void>): Promise<number> {
    const now = this.#clock.now();
    const due = this.messages.filter(({ at }) => at <= now);
    this.messages = this.messages.filter(({ at }) => at > now);
    this.operations.handedOut += due.length;
    const batches = Array.from({ length: Math.ceil(due.length / BATCH) }, (_, at) =>
      due.slice(at * BATCH, (at + 1) * BATCH),
    );
    const consumer = async () => {
      for (let batch = batches.shift(); batch; batch = batches.shift()) await this.#handOut(batch, consume);
    };
    await Promise.all(Array.from({ length: CONSUMERS }, consumer));
    return due.length;
  }

  async #handOut(batch: Queued[], consume: (messages: Message[]) => Promise<void>): Promise<void> {
    const answers = new Map<Queued, "ack" | number>();
    const failed = await consume(
      batch.map((queued) => ({
        id: crypto.randomUUID(),
        timestamp: new Date(this.#clock.now()),
        body: queued.body,
        attempts: queued.attempts,
        ack: () => answers.set(queued, "ack"),
        retry: ({ delaySeconds = 0 } = {}) => answers.set(queued, delaySeconds),
      })),
    ).then(
      () => false,
      () => true,
    );
    for (const queued of batch) {
      const answer = failed || this.#life.left <= 0 ? 0 : (answers.get(queued) ?? "ack");
      if (answer === "ack") continue;
      const { body, attempts } = queued;
      this.messages.push({ body, attempts: attempts + 1, at: this.#clock.now() + answer * 1_000 });
    }
  }
}

/** A Worker with webhooks, on a clock that can be set forward, and a receiver. */
export async function startPostOffice(
  options: OpendOptions = {},
  vars: Record<string, unknown> = {},
  deadlines: Partial<Deadlines> = { receiver: 500, upstash: 500 },
) {
  const clock = new Clock();
  const life = new Life();
  const queue = new TestQueue(clock, life);
  const receiver = await control.startReceiver();
  const keys = `me:${await sha256("mine")},you:${await sha256("yours")}`;
  const gateway = await startGateway(options, {
    API_KEYS: keys,
    WEBHOOK_QUEUE: queue,
    WEBHOOK_TRUSTED_ORIGINS: receiver.origin,
    WEBHOOK_SECRET_KEY: crypto.getRandomValues(new Uint8Array(32)).toBase64(),
    ...vars,
  });
  for (const origin of [gateway.env.UPSTASH_REDIS_REST_URL, receiver.origin]) lives.set(origin, life);
  const jobs: JobOptions = {
    now: clock.now,
    wait: async (ms) => clock.forward(ms),
    deadlines: { ...DEADLINES, ...deadlines },
  };

  /** Redis goes by the true time: what it would have forgotten in this time is taken out. */
  async function forward(ms: number): Promise<void> {
    clock.forward(ms);
    if (ms < MINUTE) return;
    const claims = (await gateway.upstash.redis("KEYS", "short-interest:lease:*")) as string[];
    await gateway.upstash.redis("DEL", "short-interest:opend", "short-interest:client:watch", ...claims);
  }

  const office = {
    ...gateway,
    forward,
    keys,
    clock,
    life,
    queue,
    receiver,
    answerAt: (path: string, answer: ReceiverAnswer) => control.answerAt(receiver.id, path, answer),
    /** What has arrived, tests of the address aside. */
    async messages() {
      const all = await control.received(receiver.id);
      return all.filter(({ body }) => !body.includes('"webhook.test"'));
    },
    tests: async () =>
      (await control.received(receiver.id)).filter(({ body }) => body.includes('"webhook.test"')),
    /** Asks as the holder of a key, with a body of JSON. */
    ask(method: string, path: string, body?: unknown, key = "mine") {
      const headers = {
        "X-API-Key": key,
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
      };
      const init = body === undefined ? { method, headers } : { method, headers, body: JSON.stringify(body) };
      return gateway.get(`/v1/webhooks${path}`, init);
    },
    /** @returns the id and the secret of a new webhook for this path of the receiver */
    async subscribe(path = "/", symbols = ["US.AAPL"], key = "mine") {
      const response = await office.ask("POST", "", { url: receiver.origin + path, symbols }, key);
      expect(response.status, await response.clone().text()).toBe(201);
      return response.json<{ id: string; secret: string }>();
    },
    runWatch: (more: JobOptions = {}) => runWatch(gateway.env, { ...jobs, ...more }),
    /** Hands out what the queue has, to a Worker whose variables are changed so. */
    deliver: (changes: Record<string, unknown> = {}) =>
      queue.handOut((messages) => runDeliveries({ messages }, { ...gateway.env, ...changes }, jobs)),
    /** Lets time pass, with a watch every quarter of an hour, and deliveries as soon as they are due. */
    async pass(ms: number, changes: Record<string, unknown> = {}) {
      const until = clock.now() + ms;
      for (;;) {
        while ((await office.deliver(changes)) > 0);
        const next = Math.min(until, clock.now() + 15 * MINUTE, ...queue.messages.map(({ at }) => at));
        await forward(Math.max(0, next - clock.now()));
        if (clock.now() >= until) break;
        if (next !== until) await office.runWatch();
      }
      while ((await office.deliver(changes)) > 0);
    },
    /** Looks at the symbols for the first time, and then publishes a row of each. */
    async publish() {
      await gateway.opend.set({ unpublished: 1 });
      await office.runWatch();
      await gateway.opend.set({ unpublished: 0 });
      // Rows of April are long overdue, and so looked for once a day.
      await forward(25 * 60 * MINUTE);
      await office.runWatch();
    },
  };
  return office;
}

export type PostOffice = Awaited<ReturnType<typeof startPostOffice>>;

/** What is remembered of the tries of a webhook, tests aside. */
export const tries = async (office: PostOffice, id: string) => {
  const response = await office.ask("GET", `/${id}/deliveries`);
  const { items } = await response.json<{ items: Record<string, unknown>[] }>();
  return items.filter(({ type }) => type !== "webhook.test");
};
export const webhook = async (office: PostOffice, id: string) =>
  (await office.ask("GET", `/${id}`)).json<Record<string, unknown>>();
/** What has arrived at a path, tests aside. */
export const arrivals = async (office: PostOffice, path = "/") =>
  (await office.messages()).filter((message) => message.path === path);
