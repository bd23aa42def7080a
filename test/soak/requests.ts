import { object, safeParse, string } from "valibot";
import type { DataCentre } from "./data-centers.ts";
import type { Caller } from "./secrets.ts";
import type { World } from "./world.ts";

/** Sends one request, and checks what must hold for every answer. */

/** Time that this machine may add to a deadline under load. */
export const SLACK_MS = 3_000;
/** The deadline of a request. */
export const MOST_MS = 15_000 + SLACK_MS;
/** A history may also wait for the quota. */
export const MOST_HISTORY_MS = 45_000 + SLACK_MS;
/** A request that takes longer never ends. */
const NEVER_MS = 90_000;

/** Codes of problems that a correct request may get while there are faults. */
export const IN_THE_WAY: ReadonlySet<string> = new Set([
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

export interface Question {
  readonly path: string;
  readonly caller: Caller;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly mostMs?: number;
  /** Secrets that the caller sends itself, and so may read. */
  readonly own?: readonly string[];
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array;
  readonly text: string;
  /** The code of a problem. */
  readonly code?: string;
  readonly ms: number;
  /** Whether the body ended early. */
  readonly cut: boolean;
}

const Problem = object({ code: string(), detail: string() });

/** Sends a request. Returns no answer if the data center has ended, or after it reports a violation. */
export async function ask(world: World, centre: DataCentre, question: Question): Promise<Answer | undefined> {
  const { report, secrets, problems } = world.parts;
  const { path, caller, method = "GET", mostMs = MOST_MS, own = [] } = question;
  const what = `${method} ${path}`;
  const began = performance.now();
  let response: Response;
  const pieces: Uint8Array[] = [];
  let cut = false;
  try {
    response = await fetch(centre.origin + path, {
      method,
      headers: { ...caller.headers, ...question.headers },
      ...(question.body !== undefined && { body: question.body }),
      signal: AbortSignal.timeout(NEVER_MS),
      redirect: "manual",
    });
  } catch (thrown) {
    if (!centre.gone) report.violated(isLate(thrown) ? "ends" : "surprise", `${what}: ${told(thrown)}`);
    return undefined;
  }
  try {
    for await (const piece of response.body ?? []) pieces.push(piece);
  } catch (thrown) {
    if (centre.gone) return undefined;
    if (isLate(thrown)) report.violated("ends", `${what} never ends`);
    cut = true;
  }
  const ms = performance.now() - began;
  const body = Buffer.concat(pieces);
  const text = body.toString();
  report.answered(ms, what);
  if (ms > mostMs) report.violated("ends", `${what} took ${Math.round(ms)} ms`);

  const leaked = secrets.foundIn(`${[...response.headers].flat().join("\n")}\n${text}`, own);
  if (leaked) report.violated("secrets", `'${leaked}' in the answer to ${what}`);
  const { status, headers } = response;
  const answer = { status, headers, body, text, ms, cut };
  if (status < 400) {
    report.count(`answers: × ${status}`);
    if (headers.get("Cache-Status")?.includes("fwd=stale")) report.count("answers: of them stale");
    return answer;
  }
  const problem = safeParse(Problem, parsed(text));
  const isProblem = headers.get("Content-Type") === "application/problem+json" && problem.success;
  if (!isProblem || problems.get(problem.output.code) !== status) {
    // The development server answers by itself while its Worker ends.
    if (!centre.gone) report.violated("ends", `${what} was answered ${status} ${text.slice(0, 200)}`);
    return undefined;
  }
  const { code } = problem.output;
  report.count(`answers: × ${status} ${code}`);
  if (code === "internal" || code === "misconfigured") report.violated("surprise", `${what}: ${text}`);
  return { ...answer, code };
}

/** Reports an answer whose code is none of these. */
export function expectCode(
  world: World,
  what: string,
  { code = "none" }: Answer,
  codes: ReadonlySet<string>,
): void {
  if (!codes.has(code)) world.parts.report.violated("surprise", `${what} was answered ${code}`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isLate(thrown: unknown): boolean {
  return thrown instanceof Error && thrown.name === "TimeoutError";
}

export function told(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  return thrown.cause instanceof Error ? `${thrown.message} (${thrown.cause.message})` : thrown.message;
}
