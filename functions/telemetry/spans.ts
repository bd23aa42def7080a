import { Failure } from "../errors.ts";

/** The part of Workers' tracing API that this service uses. */
export type PlatformTracing = Pick<Tracing, "enterSpan" | "getActiveSpan">;

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
 * @param tracing `ExecutionContext.tracing`; older runtimes have none, or not all of its methods
 */
export function spansOf(tracing: Partial<PlatformTracing> | undefined): Spans {
  const root = tracing?.getActiveSpan?.();
  if (!tracing?.enterSpan || !root?.isTraced) return NO_SPANS;
  const enter = tracing.enterSpan.bind(tracing);
  return {
    // Older runtimes have spans without it.
    traceId: "spanContext" in root ? root.spanContext().traceId : undefined,
    run: (name, work) =>
      enter(name, async (span) => {
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
