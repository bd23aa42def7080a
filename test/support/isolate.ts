import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { vi } from "vitest";
import type { Service } from "./service.ts";

/** A response, and whether it was reused: otherwise its ETag was computed. */
export interface Reply {
  readonly response: Response;
  /** A character for each byte. */
  readonly body: string;
  readonly isReused: boolean;
}

/** Requests a path from an isolate of the same data center, which shares the Cache API, but no memory. */
export type Isolate = (
  path: string,
  headers?: Readonly<Record<string, string>>,
  method?: string,
) => Promise<Reply>;

/**
 * Starts an isolate.
 * @param vars other variables than those of the service
 */
export async function startIsolate({ env, origin }: Service, vars: object = {}): Promise<Isolate> {
  vi.resetModules();
  const { default: worker } = await import("../../functions/index.ts");
  const ownEnv = { ...env, ...vars };
  return async (path, headers = {}, method = "GET") => {
    const digest = vi.spyOn(crypto.subtle, "digest");
    const context = createExecutionContext();
    const response = await worker.fetch(new Request(origin + path, { headers, method }), ownEnv, context);
    await waitOnExecutionContext(context);
    const isReused = digest.mock.calls.every(([algorithm]) => algorithm !== "SHA-1");
    digest.mockRestore();
    const body = new TextDecoder("latin1").decode(await response.arrayBuffer());
    return { response, body, isReused };
  };
}
