import type { Config } from "../../functions/env.ts";
import { Failure } from "../../functions/errors.ts";
import type { Connection } from "../../functions/opend/connect.ts";
import { type OpendSession, openSession } from "../../functions/opend/session.ts";
import { DEADLINES } from "../../functions/timeout.ts";
import { type Check, compareClocks, failed, ok, skipped } from "./check.ts";
import { networkChecks } from "./network.ts";
import { checkAccess } from "./opend-access.ts";
import { explainAccess, explainLogin, explainUpgrade, quoteOpend } from "./opend-advice.ts";
import { connectFromNode, isAccess, NoUpgrade, nodeWith } from "./runtime.ts";

/** The findings of the checks. The report states them as well. */
export interface OpendState {
  /** The session, or the failure of the login; undefined before the login. */
  session?: OpendSession | Failure;
}

/**
 * Checks OpenD, without a call: network, upgrade, Access, key, login and clock.
 * @param state is filled in by the checks
 * @param onExit registers a function to run when all checks have ended
 */
export function opendChecks(
  { opend }: Config,
  state: OpendState,
  onExit: (cleanUp: () => void) => void,
): Check[] {
  const signal = new AbortController().signal;
  let connection: Connection | NoUpgrade | undefined;
  return [
    ...networkChecks(opend.url),
    {
      name: "opend upgrade",
      exit: 33,
      async run() {
        connection = await connectFromNode(opend, DEADLINES.connect);
        if (!(connection instanceof NoUpgrade)) {
          onExit(connection.drop);
          return ok("WebSocket opened");
        }
        return isAccess(connection)
          ? skipped("not run: the address requires a login")
          : explainUpgrade(connection);
      },
    },
    {
      name: "opend access",
      exit: 34,
      run: async () =>
        connection instanceof NoUpgrade ? explainAccess(opend, connection) : checkAccess(opend),
    },
    {
      name: "opend key",
      exit: 36,
      async run() {
        if (connection === undefined || connection instanceof NoUpgrade)
          return skipped("not run: no connection");
        const session = await openSession(opend, DEADLINES, signal, nodeWith(connection)).catch(Failure.from);
        state.session = session;
        if (!(session instanceof Failure)) {
          onExit(session.close);
          return ok(opend.key === undefined ? "not set, and not required" : "accepted");
        }
        if (session.code !== "opend_key_refused")
          return skipped("not run: the login failed for another reason");
        const isSet = opend.key !== undefined;
        return failed(
          (isSet ? "OpenD refused OPEND_KEY" : "OpenD requires a key, but OPEND_KEY is not set") +
            quoteOpend(session, opend),
          "Set OPEND_KEY to OpenD's websocket_key in plain text, not to its MD5.",
        );
      },
    },
    {
      name: "opend login",
      exit: 35,
      run: async () =>
        state.session instanceof Failure ? explainLogin(state.session, opend) : ok("login succeeded"),
    },
    {
      name: "opend clock",
      exit: 38,
      async run() {
        const { session } = state;
        if (session === undefined || session instanceof Failure) return skipped("not run: no session");
        if (session.serverTime === 0n) return skipped("OpenD did not report its time");
        return compareClocks("OpenD", Number(session.serverTime) * 1_000, Date.now());
      },
    },
  ];
}
