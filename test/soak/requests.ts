import { object, safeParse, string } from "valibot";
import type { DataCenter } from "./data-centers.ts";
import type { Caller } from "./secrets.ts";
import type { World } from "./world.ts";

/** Sends requests, and checks the properties that every response must have. */

/** Delay that a loaded machine may add to a deadline. */
export const SLACK_MS = 3_000;
/** Maximum duration of a request, in milliseconds. */
export const MAX_REQUEST_MS = 15_000 + SLACK_MS;
/** Maximum duration of a request for a history, which may also wait for permits. */
export const MAX_HISTORY_MS = 45_000 + SLACK_MS;
/** A request is aborted after this time. */
const ABORT_MS = 90_000;

/** Error codes that a valid request may get during a fault. */
export const FAULT_CODES: ReadonlySet<string> = new Set([
  ...[
    "opend_unreachable",
    "opend_key_refused",
    "opend_no_permission",
    "opend_protocol_error",
    "opend_failed",
  ],
  ...["opend_timeout", "store_unavailable", "upstream_quota_exceeded", "client_quota_exceeded"],
  "subrequest_limit",
  "request_timeout",
]);

export interface RequestOptions {
  readonly path: string;
  readonly caller: Caller;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly maxMs?: number;
  /** Secrets that the caller sends, and so may receive. */
  readonly ownSecrets?: readonly string[];
}

export interface SoakResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array;
  readonly text: string;
  /** The error code of a problem response. */
  readonly code?: string;
  readonly ms: number;
  /** Whether the connection ended before the body. */
  readonly isTruncated: boolean;
}

const Problem = object({ code: string(), detail: string() });

/**
 * Sends a request, and reports violations.
 * @returns undefined if the data center was stopped, or if there is no valid response
 */
export async function sendRequest(
  world: World,
  center: DataCenter,
  options: RequestOptions,
): Promise<SoakResponse | undefined> {
  const { report, secrets, problems } = world.deps;
  const { path, caller, method = "GET", maxMs = MAX_REQUEST_MS, ownSecrets = [] } = options;
  const request = `${method} ${path}`;
  const startedAt = performance.now();
  let response: Response;
  const chunks: Uint8Array[] = [];
  let isTruncated = false;
  try {
    response = await fetch(center.origin + path, {
      method,
      headers: { ...caller.headers, ...options.headers },
      ...(options.body !== undefined && { body: options.body }),
      signal: AbortSignal.timeout(ABORT_MS),
      redirect: "manual",
    });
  } catch (thrown) {
    if (!center.isStopping)
      report.violation(
        isLate(thrown) ? "incompleteRequest" : "unexpectedError",
        `${request}: ${errorMessage(thrown)}`,
      );
    return undefined;
  }
  try {
    for await (const chunk of response.body ?? []) chunks.push(chunk);
  } catch (thrown) {
    if (center.isStopping) return undefined;
    if (isLate(thrown))
      report.violation("incompleteRequest", `${request} was not finished after ${ABORT_MS} ms`);
    isTruncated = true;
  }
  const ms = performance.now() - startedAt;
  const body = Buffer.concat(chunks);
  const text = body.toString();
  report.recordResponse(ms, request);
  if (ms > maxMs) report.violation("incompleteRequest", `${request} took ${Math.round(ms)} ms`);

  const leaked = secrets.findIn(`${[...response.headers].flat().join("\n")}\n${text}`, ownSecrets);
  if (leaked) report.violation("leakedSecret", `'${leaked}' in the response to ${request}`);
  const { status, headers } = response;
  const result = { status, headers, body, text, ms, isTruncated };
  if (status < 400) {
    report.count(`responses: × ${status}`);
    if (headers.get("Cache-Status")?.includes("fwd=stale"))
      report.count("responses: × 200 with a stale page");
    return result;
  }
  const problem = safeParse(Problem, parseJson(text));
  const isProblem = headers.get("Content-Type") === "application/problem+json" && problem.success;
  if (!isProblem || problems.get(problem.output.code) !== status) {
    // The development server sends its own errors while the Worker stops.
    if (!center.isStopping)
      report.violation("incompleteRequest", `${request} returned ${status} ${text.slice(0, 200)}`);
    return undefined;
  }
  const { code } = problem.output;
  report.count(`responses: × ${status} ${code}`);
  if (code === "internal" || code === "misconfigured")
    report.violation("unexpectedError", `${request}: ${text}`);
  return { ...result, code };
}

/** Reports a violation unless the response has one of these error codes. */
export function expectCode(
  world: World,
  request: string,
  { code = "none" }: SoakResponse,
  codes: ReadonlySet<string>,
): void {
  if (!codes.has(code)) world.deps.report.violation("unexpectedError", `${request} returned ${code}`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isLate(thrown: unknown): boolean {
  return thrown instanceof Error && thrown.name === "TimeoutError";
}

export function errorMessage(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  return thrown.cause instanceof Error ? `${thrown.message} (${thrown.cause.message})` : thrown.message;
}
