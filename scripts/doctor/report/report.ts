import type { Config } from "../../../functions/env.ts";
import { Failure } from "../../../functions/errors.ts";
import type { OpendSession } from "../../../functions/opend/session.ts";
import { createCallPage, type WithPermit } from "../page-call.ts";
import { ASSUMPTIONS } from "./assumptions.ts";
import { type CallFacts, factsOf } from "./facts.ts";
import { askAll, type Observation } from "./questions.ts";
import { createDescribeFailure, type DescribeFailure, type RefusalFacts } from "./redact.ts";
import { type OpendFacts, readState } from "./state.ts";
import type { Verdict } from "./verdict.ts";

/** A report on a real OpenD, which its operator can attach to an issue. No key, address, host name or account is in it. */
export interface Report {
  /** UTC, YYYY-MM-DD. */
  readonly date: string;
  readonly login: "succeeded" | "not seen" | RefusalFacts;
  /** By how many seconds OpenD's clock is ahead; null if it was not seen. */
  readonly clock_ahead_s: number | null;
  readonly keep_alive: "answered" | "not seen" | RefusalFacts;
  readonly version: { readonly version: number; readonly build: number } | "not seen" | RefusalFacts;
  readonly logged_in_for_quotes: boolean | "not seen";
  /** The calls (3249) in their order. */
  readonly calls: readonly CallFacts[];
  readonly assumptions: readonly (Verdict & {
    readonly id: string;
    readonly statement: string;
    readonly otherwise: string;
  })[];
}

interface Findings {
  readonly session: OpendSession | Failure | undefined;
  readonly observations: readonly Observation[];
  readonly state: OpendFacts;
  /** Unix time at the login and now, milliseconds. */
  readonly loggedInAt: number;
  readonly now: number;
}

/**
 * Makes at most `MAX_CALLS` calls, and describes what OpenD answered.
 * @param session OpenD's session, or the failure of the login; undefined if there was no login
 * @param withPermit undefined if no permits can be had, so that no call is made
 * @param now Unix time, milliseconds
 */
export async function makeReport(
  config: Config,
  session: OpendSession | Failure | undefined,
  withPermit: WithPermit | undefined,
  now: () => number,
): Promise<Report> {
  const describe = createDescribeFailure(config);
  const loggedInAt = now();
  if (session === undefined || session instanceof Failure) {
    return reportOf({ session, observations: [], state: {}, loggedInAt, now: now() }, describe);
  }
  const call = withPermit && createCallPage(session, withPermit);
  const observations = call ? await askAll(call, session.isOpen) : [];
  const state = await readState(session, now());
  return reportOf({ session, observations, state, loggedInAt, now: now() }, describe);
}

function reportOf(findings: Findings, describe: DescribeFailure): Report {
  const { session, observations, state, loggedInAt, now } = findings;
  const serverTime = session instanceof Failure ? undefined : session?.serverTime;
  const answersKeepAlive = state.keepAlive === undefined ? undefined : state.keepAlive === true;
  const seen = { observations, describe, now, serverTime, answersKeepAlive };
  const { version } = state;
  return {
    date: new Date(now).toISOString().slice(0, 10),
    login: session instanceof Failure ? describe(session) : session ? "succeeded" : "not seen",
    clock_ahead_s: serverTime ? Math.round(Number(serverTime) - loggedInAt / 1_000) : null,
    keep_alive:
      state.keepAlive instanceof Failure
        ? describe(state.keepAlive)
        : state.keepAlive
          ? "answered"
          : "not seen",
    version:
      version instanceof Failure
        ? describe(version)
        : version
          ? { version: version.version, build: version.build }
          : "not seen",
    logged_in_for_quotes: version && !(version instanceof Failure) ? version.isLoggedIn : "not seen",
    calls: observations.map((observation) => factsOf(observation, describe)),
    assumptions: ASSUMPTIONS.map(({ id, statement, otherwise, judge }) => {
      return { id, statement, ...judge(seen), otherwise };
    }),
  };
}
