import { type InferOutput, number, object, optional, parse, string } from "valibot";
import type { DeliveryQueue } from "../env.ts";
import { Failure } from "../errors.ts";
import type { RequestStats } from "../telemetry/request-stats.ts";
import type { SetErrorType, Spans } from "../telemetry/spans.ts";
import type { EndpointRules } from "./endpoint-url.ts";
import { logEntry } from "./messages.ts";
import type { Delivery, Outbox } from "./outbox.ts";
import { type Attempt, decideRetry, RetryDecision } from "./retry-policy.ts";
import { type SecretCipher, signingSecrets } from "./secret-cipher.ts";
import { sendMessage } from "./send-message.ts";

/** The result of an attempt, as `Outbox.complete` takes it. */
const AttemptResult = object({
  claimToken: number(),
  decision: RetryDecision,
  url: string(),
  entry: string(),
});
type AttemptResult = InferOutput<typeof AttemptResult>;

/** A message of the queue: a delivery to attempt, or a result that could not be recorded yet. */
const DeliveryJob = object({ deliveryId: string(), result: optional(AttemptResult) });
export type DeliveryJob = InferOutput<typeof DeliveryJob>;

export interface DeliveryDeps {
  readonly outbox: Outbox;
  readonly queue: DeliveryQueue<DeliveryJob>;
  readonly rules: EndpointRules;
  readonly cipher: SecretCipher;
  /** Whether a webhook's owner still has an API key. */
  readonly isOwner: (owner: string) => boolean;
  /** How long a receiver may take to respond, in milliseconds. */
  readonly timeoutMs: number;
  /** Unix time, milliseconds. */
  readonly now: () => number;
  readonly spans: Spans;
}

/** Cloudflare's maximum of messages for one `sendBatch()`. */
const MAX_SEND_BATCH = 100;
/** Deliveries that one command claims from the outbox. */
const CLAIM_BATCH = 1_000;
/** Delay of a job that failed because Upstash was unavailable, in seconds. */
const RETRY_DELAY_S = 30;
/**
 * Longest delay of a job, in seconds; the queue drops messages after a day. A job that arrives before its delivery is
 * due is delayed again.
 */
const MAX_DELAY_S = 12 * 3_600;

/** Sends the due deliveries of the outbox to the queue. If that fails, they are due again after their claim expires. */
export async function dispatch({
  outbox,
  queue,
}: {
  readonly outbox: Pick<Outbox, "claimDue">;
  readonly queue: Pick<DeliveryQueue<DeliveryJob>, "sendBatch">;
}): Promise<void> {
  for (;;) {
    const due = await outbox.claimDue(CLAIM_BATCH);
    await sendJobs(queue, due);
    if (due.length < CLAIM_BATCH) return;
  }
}

/** Sends deliveries to the queue. */
export async function sendJobs(
  queue: Pick<DeliveryQueue<DeliveryJob>, "sendBatch">,
  deliveryIds: readonly string[],
): Promise<void> {
  for (let start = 0; start < deliveryIds.length; start += MAX_SEND_BATCH) {
    const batch = deliveryIds.slice(start, start + MAX_SEND_BATCH);
    await queue.sendBatch(batch.map((deliveryId) => ({ body: { deliveryId } })));
  }
}

/** Counts each `sendBatch()` as a subrequest. */
export function countedQueue(
  queue: DeliveryQueue<DeliveryJob>,
  stats: Pick<RequestStats, "countSubrequest">,
): Pick<DeliveryQueue<DeliveryJob>, "sendBatch"> {
  return {
    sendBatch(messages) {
      stats.countSubrequest();
      return queue.sendBatch(messages);
    },
  };
}

/** Runs a batch of jobs from the queue concurrently. */
export async function runJobs(deps: DeliveryDeps, jobs: readonly Message[]): Promise<void> {
  await Promise.all(
    jobs.map(async (job) => {
      try {
        const waitMs = await deps.spans.run("delivery", (setErrorType) =>
          runJob(deps, parse(DeliveryJob, job.body), setErrorType),
        );
        if (waitMs === undefined) job.ack();
        else job.retry({ delaySeconds: delaySecondsOf(waitMs) });
      } catch (thrown) {
        const { code, detail } = Failure.from(thrown);
        console.error(`delivery postponed: ${code}: ${detail}`);
        // A retry would not fix the configuration. The outbox dispatches the delivery again.
        if (code === "misconfigured") job.ack();
        else job.retry({ delaySeconds: RETRY_DELAY_S });
      }
    }),
  );
}

/** @returns milliseconds until the delivery is due, if it is not */
async function runJob(
  deps: DeliveryDeps,
  { deliveryId, result }: DeliveryJob,
  setErrorType: SetErrorType,
): Promise<number | undefined> {
  if (result) {
    await recordResult(deps, deliveryId, result);
    return undefined;
  }
  const claimed = await deps.outbox.claim(deliveryId);
  if (claimed === undefined || typeof claimed === "number") return claimed;
  const attempted = await attemptDelivery(deps, claimed, setErrorType);
  // If Upstash fails now, the queue keeps the result. Without it, a delivered message would be sent again.
  await recordResult(deps, deliveryId, attempted).catch(() =>
    deps.queue.send({ deliveryId, result: attempted }, { delaySeconds: RETRY_DELAY_S }),
  );
  return undefined;
}

async function attemptDelivery(
  deps: DeliveryDeps,
  delivery: Delivery,
  setErrorType: SetErrorType,
): Promise<AttemptResult> {
  const { claimToken, message, webhookId, owner, attempts, failingSince, host, url, storedSecrets } =
    delivery;
  const rules = { ...deps.rules, ownHosts: [...deps.rules.ownHosts, host] };
  const secrets = await signingSecrets(deps.cipher, webhookId, storedSecrets);
  const isRevoked = !deps.isOwner(owner);
  // A missing key counts as a failed attempt, because API_KEYS may be wrong for a short time.
  const attempt: Attempt = isRevoked
    ? { startedAt: deps.now(), durationMs: 0, status: null, error: "revoked" }
    : await sendMessage({ url, secrets, message }, rules, deps.timeoutMs, deps.now);
  if (attempt.error !== null) setErrorType(attempt.error);
  const decision = decideRetry(attempt, attempts, failingSince, Math.random());
  const disableReason = isRevoked && decision.outcome === "abandoned" ? "revoked" : decision.disableReason;
  const entry = logEntry(message, attempt, decision);
  return { claimToken, decision: { ...decision, disableReason }, url, entry };
}

async function recordResult(
  { outbox, queue, now }: DeliveryDeps,
  deliveryId: string,
  { claimToken, decision, url, entry }: AttemptResult,
): Promise<void> {
  await outbox.complete(deliveryId, claimToken, decision, url, entry);
  if (decision.retryAt === null) return;
  const delaySeconds = delaySecondsOf(decision.retryAt - now());
  // If the queue fails, the next poller run dispatches the delivery from the outbox.
  await queue.send({ deliveryId }, { delaySeconds }).catch(() => undefined);
}

function delaySecondsOf(waitMs: number): number {
  return Math.min(Math.max(0, Math.ceil(waitMs / 1_000)), MAX_DELAY_S);
}
