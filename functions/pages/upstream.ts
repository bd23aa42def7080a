import { type Deadlines, within } from "../deadline.ts";
import { Failure } from "../failure.ts";
import type { Need, Permit, Permits } from "../limit/permits.ts";
import type { OpendAddress } from "../opend/connect.ts";
import { type OpendSession, openSession } from "../opend/session.ts";
import { encodePageRequest, GET_SHORT_INTEREST, type PageRequest } from "../opend/short-interest.ts";

export interface UpstreamParts {
  readonly opend: OpendAddress;
  readonly permits: Permits;
  readonly deadlines: Deadlines;
  /** How old a permit may be when its call is sent, in milliseconds. */
  readonly guardMs: number;
  /** Keeps the Worker running until what it is given has ended. */
  readonly background: (work: Promise<unknown>) => void;
}

/**
 * To save time a connection opens while its permit is asked for. In a burst most permits are refused,
 * and as many connections would open for nothing, while OpenD takes 128 in all: past this many at once
 * in one isolate, the permit comes first.
 */
const MOST_OPENING_AHEAD = 4;
let openingAhead = 0;

/** An answer of OpenD. */
export interface Fetched {
  /** The body of its reply, whether it is a page or a refusal. */
  readonly reply: Uint8Array<ArrayBuffer>;
  /** The permit that it took; whoever keeps the reply settles it. */
  readonly permit: Permit;
}

/**
 * Asks OpenD for one page: a permit, a connection, one call, and nothing left behind.
 * @throws Failure as the permits and the session do
 */
export type Upstream = (request: PageRequest, need: Need) => Promise<Fetched>;

export function createUpstream(parts: UpstreamParts): Upstream {
  return (request, need) =>
    within(
      parts.deadlines.request,
      () => new Failure("opend_timeout", "OpenD did not answer in time"),
      (signal) => callOnce(parts, request, need, signal),
    );
}

async function callOnce(
  parts: UpstreamParts,
  request: PageRequest,
  need: Need,
  signal: AbortSignal,
): Promise<Fetched> {
  const { permits, background } = parts;
  const ending = new AbortController();
  const stop = () => ending.abort(signal.reason);
  signal.addEventListener("abort", stop, { once: true });

  let taking = permits.take(need);
  const opening = open(parts, taking, ending.signal);
  let called = false;
  try {
    const ready = async (permit: Permit) => {
      const ms = permit.startsAt - Date.now();
      if (ms <= 0) return;
      await pause(ms, ending.signal);
      // OpenD may have refused somebody meanwhile.
      await permits.confirm();
    };
    const [session] = await Promise.all([opening, taking.then(ready)]);
    if (tooOld(await taking, parts.guardMs)) {
      // The connection took its time. It is open now, so the next permit is used at once.
      taking = permits.take(need, await taking);
      await taking.then(ready);
      if (tooOld(await taking, parts.guardMs)) {
        throw new Failure("limiter_unavailable", "The store that all data centres share answers too slowly");
      }
    }
    signal.throwIfAborted();
    called = true;
    const reply = await session.call(GET_SHORT_INTEREST, encodePageRequest(request));
    return { reply: reply.slice(), permit: await taking };
  } finally {
    signal.removeEventListener("abort", stop);
    if (!called) background(taking.then(permits.giveBack).catch(ignored));
    opening.then((session) => session.close(), ignored);
    ending.abort();
  }
}

/** Opens the session, ahead of the permit where few others do. */
async function open(
  { opend, deadlines }: UpstreamParts,
  taking: Promise<Permit>,
  signal: AbortSignal,
): Promise<OpendSession> {
  if (openingAhead < MOST_OPENING_AHEAD) {
    openingAhead += 1;
    const asked = () => {
      openingAhead -= 1;
    };
    taking.then(asked, asked);
  } else {
    await taking;
  }
  return openSession(opend, deadlines, signal);
}

/** @throws whatever `signal` aborts with, as soon as it does */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
}

function tooOld(permit: Permit, guardMs: number): boolean {
  return Date.now() - permit.startedAfter > guardMs;
}

/** What could not be given back leaves the log by itself, later: a call less, never one more. */
function ignored(): void {}
