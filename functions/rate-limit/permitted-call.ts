import { Failure } from "../errors.ts";
import { delay } from "../timeout.ts";
import type { Permit, PermitRequest, Permits } from "./permits.ts";
import { LeaseNotAcquired } from "./required-lease.ts";

/** How old a permit may be when its call is sent, in milliseconds. */
export const PERMIT_MAX_AGE_MS = 1_000;

/** A call, in the two steps that a permit separates. */
export interface PermittedCall<Session, Reply> {
  /** Connects, at the latest when the permit is acquired. */
  readonly connect: (acquiring: Promise<Permit>) => Promise<Session>;
  /** Sends the call. */
  readonly call: (session: Session, permit: Permit) => Promise<Reply>;
  readonly signal: AbortSignal;
  /** Keeps the Worker running until an unused permit is released. */
  readonly waitUntil: (work: Promise<unknown>) => void;
}

/**
 * Runs one call under a permit: the whole life cycle but its end.
 *
 * 1. Acquire the permit, while the connection opens.
 * 2. Wait for the permit's start, and check that OpenD has not refused a call in the meantime.
 * 3. If the permit is older than `PERMIT_MAX_AGE_MS` (a slow connection or Redis), replace it by a new one, once.
 * 4. Call. Until it is settled, the entry keeps its score: start + `SlidingWindowRule.maxInFlightMs`. It counts for a
 *    window after its score.
 * 5. Release a permit that no call has used.
 *
 * The caller settles the permit after a reply (`Permits.settlement`), in the script that stores the reply.
 * @throws LeaseNotAcquired as `Permits.acquire` does, also if the connection failed before
 * @throws Failure as `Permits.acquire`, `connect` and `call` do; `store_unavailable` if the second permit is late too
 */
export async function callWithPermit<Session, Reply>(
  permits: Pick<Permits, "acquire" | "assertNotBlocked" | "release">,
  request: PermitRequest,
  { connect, call, signal, waitUntil }: PermittedCall<Session, Reply>,
): Promise<{ readonly reply: Reply; readonly permit: Permit }> {
  const waitForStart = async (permit: Permit) => {
    const ms = permit.startsAt - Date.now();
    if (ms <= 0) return;
    await delay(ms, signal);
    await permits.assertNotBlocked();
  };
  let acquiring = permits.acquire(request);
  let isUsed = false;
  try {
    const connected = connect(acquiring).catch(async (failure: unknown) => {
      // A lease that the caller released before Redis acquires it would stay until it expires.
      await acquiring.catch(rethrowMissingLease);
      throw failure;
    });
    const [session] = await Promise.all([connected, acquiring.then(waitForStart)]);
    if (isExpired(await acquiring)) {
      // The caller holds the lease already.
      acquiring = permits.acquire({ ...request, lease: undefined }, await acquiring);
      await acquiring.then(waitForStart);
      if (isExpired(await acquiring)) {
        throw new Failure("store_unavailable", "Upstash Redis answered too slowly to use its permit");
      }
    }
    const permit = await acquiring;
    signal.throwIfAborted();
    isUsed = true;
    return { reply: await call(session, permit), permit };
  } finally {
    if (!isUsed) waitUntil(acquiring.then(permits.release).catch(ignoreFailure));
  }
}

function isExpired({ earliestStart }: Permit): boolean {
  return Date.now() - earliestStart > PERMIT_MAX_AGE_MS;
}

/** Without the lease another reader makes the call, so this reader's failed connection counts for nothing. */
function rethrowMissingLease(thrown: unknown): void {
  if (thrown instanceof LeaseNotAcquired) throw thrown;
}

/** A permit that is not released leaves the log later: one call less, never one too many. */
function ignoreFailure(): void {}
