import { type InferOutput, number, object, optional, parse, string } from "valibot";
import { Failure } from "../errors.ts";
import type { EndpointRule } from "./endpoint.ts";
import { entryOf } from "./messages.ts";
import type { Delivery, Outbox } from "./outbox.ts";
import { Next, nextAfter, type Try } from "./schedule.ts";
import { type SecretCipher, signingSecrets } from "./secret-cipher.ts";
import { send } from "./send.ts";

/** How a try went. */
const Ended = object({ claim: number(), next: Next, url: string(), entry: string() });
/** What the queue carries: a delivery to be tried, or how a try went that could not be noted yet. */
const Order = object({ delivery: string(), ended: optional(Ended) });
export type Order = InferOutput<typeof Order>;

export type OrderQueue = Pick<Queue<Order>, "send" | "sendBatch">;

export interface DeliveryParts {
  readonly outbox: Outbox;
  readonly queue: OrderQueue;
  readonly rule: EndpointRule;
  readonly cipher: SecretCipher;
  /** Whether the owner of a webhook still has a key. */
  readonly isOwner: (owner: string) => boolean;
  /** How long a receiver may take to answer, in milliseconds. */
  readonly ms: number;
  /** Unix time, milliseconds. */
  readonly now: () => number;
}

/** Messages that one sendBatch() takes. */
const BATCH = 100;
/** Deliveries that are taken from the outbox at once. */
const AT_ONCE = 1_000;
/** How soon to try again what needs Upstash, in seconds. */
const AGAIN_S = 30;
/** The queue keeps no message for longer than a day; who comes too early is sent back. */
const LONGEST_DELAY_S = 12 * 3_600;

/** Puts into the queue what is due in the outbox. What is lost on the way is due again later. */
export async function dispatch({
  outbox,
  queue,
}: {
  readonly outbox: Pick<Outbox, "due">;
  readonly queue: Pick<OrderQueue, "sendBatch">;
}): Promise<void> {
  for (;;) {
    const due = await outbox.due(AT_ONCE);
    for (let at = 0; at < due.length; at += BATCH) {
      await queue.sendBatch(due.slice(at, at + BATCH).map((delivery) => ({ body: { delivery } })));
    }
    if (due.length < AT_ONCE) return;
  }
}

/** Sees to the messages of a queue, all at once. */
export async function deliver(parts: DeliveryParts, messages: readonly Message[]): Promise<void> {
  await Promise.all(
    messages.map(async (message) => {
      try {
        const waitMs = await follow(parts, parse(Order, message.body));
        if (waitMs === undefined) message.ack();
        else message.retry({ delaySeconds: secondsOf(waitMs) });
      } catch (thrown) {
        const { code, detail } = Failure.from(thrown);
        console.error(`a delivery has to wait: ${code}: ${detail}`);
        // A wrong configuration lasts, and the outbox gives the delivery out again.
        if (code === "misconfigured") message.ack();
        else message.retry({ delaySeconds: AGAIN_S });
      }
    }),
  );
}

/** @returns the milliseconds after which to come back, where it is too early */
async function follow(parts: DeliveryParts, { delivery, ended }: Order): Promise<number | undefined> {
  if (ended) {
    await note(parts, delivery, ended);
    return undefined;
  }
  const begun = await parts.outbox.begin(delivery);
  if (begun === undefined || typeof begun === "number") return begun;
  const result = await tryOnce(parts, begun);
  // Upstash may be gone by now. That a receiver has got it must not be forgotten, so it goes by the queue.
  await note(parts, delivery, result).catch(() =>
    parts.queue.send({ delivery, ended: result }, { delaySeconds: AGAIN_S }),
  );
  return undefined;
}

async function tryOnce(parts: DeliveryParts, delivery: Delivery): Promise<InferOutput<typeof Ended>> {
  const { claim, message, webhookId, owner, tries, failingSince, host, url, storedSecrets } = delivery;
  const rule = { ...parts.rule, ownHosts: [...parts.rule.ownHosts, host] };
  const secrets = await signingSecrets(parts.cipher, webhookId, storedSecrets);
  const isRevoked = !parts.isOwner(owner);
  // The list of keys may be wrong for a while, so it fails like a receiver that does not answer.
  const tried: Try = isRevoked
    ? { at: parts.now(), milliseconds: 0, status: null, error: "revoked" }
    : await send({ url, secrets, message }, rule, parts.ms, parts.now);
  const next = nextAfter(tried, tries, failingSince, Math.random());
  const ends = isRevoked && next.outcome === "given_up" ? "revoked" : next.ends;
  return { claim, next: { ...next, ends }, url, entry: entryOf(message, tried, next) };
}

async function note(
  { outbox, queue, now }: DeliveryParts,
  delivery: string,
  { claim, next, url, entry }: InferOutput<typeof Ended>,
): Promise<void> {
  await outbox.end(delivery, claim, next, url, entry);
  if (next.dueAt === null) return;
  // Where that fails, it is due in the outbox a little later.
  await queue.send({ delivery }, { delaySeconds: secondsOf(next.dueAt - now()) }).catch(() => undefined);
}

function secondsOf(ms: number): number {
  return Math.min(Math.max(0, Math.ceil(ms / 1_000)), LONGEST_DELAY_S);
}
