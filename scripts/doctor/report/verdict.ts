import type { Observation } from "./questions.ts";
import type { DescribeFailure } from "./redact.ts";

/** What a report has seen. */
export interface Seen {
  readonly observations: readonly Observation[];
  readonly describe: DescribeFailure;
  /** Unix time, milliseconds. */
  readonly now: number;
  /** OpenD's time at the login, Unix time in seconds; undefined without a login, 0 if OpenD did not send it. */
  readonly serverTime: bigint | undefined;
  /** Whether OpenD answered KeepAlive; undefined if it was not asked. */
  readonly answersKeepAlive: boolean | undefined;
}

export interface Verdict {
  readonly status: "confirmed" | "contradicted" | "not seen";
  /** One line without secrets. */
  readonly evidence: string;
}

export interface Assumption {
  readonly id: string;
  readonly statement: string;
  /** What the service does if it is wrong. */
  readonly otherwise: string;
  readonly judge: (seen: Seen) => Verdict;
}

export const notSeen = (evidence: string): Verdict => ({ status: "not seen", evidence });
export const confirmed = (evidence: string): Verdict => ({ status: "confirmed", evidence });
export const contradicted = (evidence: string): Verdict => ({ status: "contradicted", evidence });
export const verdict = (holds: boolean, evidence: string): Verdict =>
  holds ? confirmed(evidence) : contradicted(evidence);

/** One of several facts about the same assumption. */
export interface Fact {
  readonly holds: boolean;
  readonly evidence: string;
}

/** Confirmed if all facts hold; the evidence of a contradiction is the facts that do not. */
export function verdictOf(facts: readonly Fact[], missing: string): Verdict {
  if (facts.length === 0) return notSeen(missing);
  const wrong = facts.filter(({ holds }) => !holds);
  const shown = wrong.length > 0 ? wrong : facts;
  return verdict(wrong.length === 0, shown.map(({ evidence }) => evidence).join("; "));
}
