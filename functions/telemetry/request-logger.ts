import { DEADLINES } from "../timeout.ts";
import type { Trace } from "./request-stats.ts";
import { createUpstash, type UpstashAddress } from "../upstash.ts";
import { type Counters, countsOf, createCounters } from "./counters.ts";
import { logLine, type Occasion } from "./log-line.ts";

/** Follows a request, and all that it starts, to their end; then writes down what they were. */
export interface Recorder {
  /** Keeps the Worker running until what it is given has ended. */
  background(work: Promise<unknown>): void;
  /** Waits for the end of a body that is still being sent. That alone keeps the Worker running. */
  sending(ended: Promise<unknown>): void;
  /**
   * The request has been answered.
   * @param upstash where to count it; absent where it is not known
   */
  end(occasion: Occasion, trace: Trace, upstash: UpstashAddress | undefined): void;
}

export function createRecorder(waitUntil: (work: Promise<unknown>) => void): Recorder {
  const started: Promise<unknown>[] = [];
  let body: Promise<unknown> | undefined;
  return {
    sending(ended) {
      body = ended;
    },
    background(work) {
      started.push(work);
      waitUntil(work);
    },
    end(occasion, trace, upstash) {
      const write = async () => {
        await body;
        // What has been started may start more.
        for (const work of started) await work.catch(() => undefined);
        writeLine(occasion, trace);
        const counts = countsOf(trace, occasion.code);
        // A refusal, or an old page from the edge, has cost Upstash nothing, and is not to cost it anything now.
        const atOnce = trace.calls > 0 || trace.fetchFailures.size > 0;
        if (upstash && counts.size > 0) countersOf(upstash, trace, waitUntil).add(counts, atOnce);
      };
      const written = write();
      // Nobody may ever read the body to its end.
      if (body === undefined) waitUntil(written);
    },
  };
}

/** A fault of this program, or of its configuration, is an error to the platform as well. */
export function writeLine(occasion: Occasion, trace: Trace): void {
  // biome-ignore lint/suspicious/noConsole: it is the log of a Worker
  const write = occasion.status === 500 ? console.error : console.log;
  write(logLine(occasion, trace));
}

export function countersOf(
  address: UpstashAddress,
  trace: Trace,
  background: (work: Promise<unknown>) => void,
): Counters {
  return createCounters(
    createUpstash(address, DEADLINES.upstash, trace.spend),
    address.url,
    background,
    Date.now,
  );
}
