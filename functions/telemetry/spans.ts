import { Failure } from "../errors.ts";

interface PlatformSpan {
  /** Whether the invocation is sampled. */
  readonly isTraced: boolean;
  setAttribute(key: string, value: string): unknown;
  /** Absent in older runtimes. */
  spanContext?(): { readonly traceId: string };
}

/**
 * The part of Workers' tracing API that this service uses. Older runtimes lack `getActiveSpan`.
 * https://developers.cloudflare.com/workers/observability/traces/custom-spans/
 */
export interface PlatformTracing {
  enterSpan<T>(name: string, callback: (span: PlatformSpan) => T): T;
  getActiveSpan?(): PlatformSpan | undefined;
}

/** Records the error type of a span: a fixed name, never a text from outside. */
export type SetErrorType = (type: string) => void;

/**
 * Spans of one invocation. Their only attribute is `error.type`. Names, keys and addresses of clients are no attributes,
 * because traces are kept and exported.
 */
export interface Spans {
  /** The ID of the trace, 32 hexadecimal digits; undefined if the invocation is not traced. */
  readonly traceId: string | undefined;
  /** Runs `work` in a span, whose children are the spans of its subrequests. A `Failure` sets the error type. */
  run<T>(name: string, work: (setErrorType: SetErrorType) => Promise<T>): Promise<T>;
}

/** For an invocation that is not traced, and for runtimes without tracing. */
export const NO_SPANS: Spans = {
  traceId: undefined,
  run: (_, work) => work(() => undefined),
};

/**
 * The spans of the current invocation, if the platform traces it: `[observability.traces]` in wrangler.toml sets the rate.
 * @param tracing `ExecutionContext.tracing`; older runtimes have none
 */
export function spansOf(tracing: PlatformTracing | undefined): Spans {
  // Outside of custom spans it is the root.
  const root = tracing?.getActiveSpan?.();
  if (!tracing || !root?.isTraced) return NO_SPANS;
  return {
    traceId: root.spanContext?.().traceId,
    run: (name, work) =>
      tracing.enterSpan(name, async (span) => {
        const setErrorType = (type: string) => span.setAttribute("error.type", type);
        try {
          return await work(setErrorType);
        } catch (thrown) {
          if (thrown instanceof Failure) setErrorType(thrown.code);
          throw thrown;
        }
      }),
  };
}
