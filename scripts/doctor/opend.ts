import type { Config } from "../../functions/env.ts";
import { Failure, type FailureCode, QUOTA_CODES } from "../../functions/errors.ts";
import type { Connection, OpendAddress } from "../../functions/opend/connect.ts";
import { type OpendSession, openSession } from "../../functions/opend/session.ts";
import {
  encodePageRequest,
  GET_SHORT_INTEREST,
  parsePageReply,
} from "../../functions/opend/short-interest.ts";
import { FIRST, MAX_ROWS, pageOf } from "../../functions/short-interest/page.ts";
import { DEADLINES } from "../../functions/timeout.ts";
import { type Check, compareClocks, type Finding, failed, ok, skipped, warning } from "./check.ts";
import { networkChecks } from "./network.ts";
import { connectFromNode, isAccess, NoUpgrade, nodeWith } from "./runtime.ts";

/** A stock that every OpenD with quotes of Hong Kong knows. */
const SYMBOL = { market: "HK", code: "00700" } as const;

const REMEDIES: Partial<Record<FailureCode, string>> = {
  opend_unreachable: "Is OpenD logged in? Its window, or its log, says so.",
  opend_timeout: "Something is there and says nothing. Is OpenD logged in? Restart it.",
  opend_no_permission:
    "The account behind OpenD has no right to quotes of Hong Kong. Futu or moomoo grants it.",
  upstream_quota_exceeded:
    "Other programs use the same account. Lower UPSTREAM_LIMIT by what they need, or give this one an account of its own.",
  opend_protocol_error:
    "Is this OpenD's WebSocket port (websocket_port), and not its API port? Update OpenD.",
};
const OTHERWISE = "OpenD's log says more. It may be older than protocol 3249: update it.";

/** Makes one call with a permit for it. */
export type Permitted = <T>(call: () => Promise<T>) => Promise<T>;

/**
 * OpenD, step by step, up to a call.
 * @param permitted gives undefined where no permit can be had, and so no call made
 * @param ending takes what is to be done at the end
 */
export function opendChecks(
  { opend }: Config,
  permitted: () => Permitted | undefined,
  ending: (end: () => void) => void,
): Check[] {
  const signal = new AbortController().signal;
  let connection: Connection | NoUpgrade | undefined;
  let session: OpendSession | Failure | undefined;
  return [
    ...networkChecks(opend.url),
    {
      name: "opend upgrade",
      exit: 33,
      async look() {
        connection = await connectFromNode(opend, DEADLINES.connect);
        if (!(connection instanceof NoUpgrade)) {
          ending(connection.drop);
          return ok("it speaks WebSocket");
        }
        return isAccess(connection) ? skipped("something asks for a login first") : explain(connection);
      },
    },
    {
      name: "opend access",
      exit: 34,
      look: async () =>
        connection instanceof NoUpgrade ? explainAccess(opend, connection) : lookForAccess(opend),
    },
    {
      name: "opend key",
      exit: 36,
      async look() {
        if (connection === undefined || connection instanceof NoUpgrade)
          return skipped("there is no connection");
        session = await openSession(opend, DEADLINES, signal, nodeWith(connection)).catch(Failure.from);
        if (!(session instanceof Failure)) {
          ending(session.close);
          return ok(opend.key === undefined ? "none, and none is wanted" : "OpenD takes it");
        }
        if (session.code !== "opend_key_refused") return skipped("it has not come to that");
        return failed(
          opend.key === undefined ? "OpenD wants one, and OPEND_KEY is not set" : "OpenD refuses OPEND_KEY",
          "Set OPEND_KEY to OpenD's websocket_key, in the clear; its MD5 is made by itself.",
        );
      },
    },
    {
      name: "opend login",
      exit: 35,
      look: async () => (session instanceof Failure ? explainFailure(session) : ok("OpenD has let it in")),
    },
    {
      name: "opend clock",
      exit: 38,
      async look() {
        if (session === undefined || session instanceof Failure) return skipped("there is no session");
        if (session.serverTime === 0n) return skipped("OpenD does not tell the time");
        return compareClocks("OpenD's", Number(session.serverTime) * 1_000, Date.now());
      },
    },
    {
      name: "opend call",
      exit: 37,
      async look() {
        const call = permitted();
        if (!call) return skipped("not made: without Upstash there is no permit for it");
        if (session === undefined || session instanceof Failure) return skipped("there is no session");
        const body = encodePageRequest({ symbol: SYMBOL, cursor: FIRST, num: MAX_ROWS });
        const { call: ask } = session;
        const reply = await call(() => ask(GET_SHORT_INTEREST, body, signal)).catch(Failure.from);
        if (reply instanceof Failure) {
          return QUOTA_CODES.has(reply.code)
            ? skipped("not made: the gateway has no permit to spare just now")
            : explainFailure(reply);
        }
        try {
          const { rows } = pageOf(SYMBOL.market, FIRST, parsePageReply(reply));
          return ok(`Qot_GetShortInterest (3249) gives ${rows.length} rows of HK.00700`);
        } catch (thrown) {
          return explainFailure(Failure.from(thrown));
        }
      },
    },
  ];
}

function explainFailure({ code, detail }: Failure): Finding {
  return failed(detail, REMEDIES[code] ?? OTHERWISE);
}

function explain({ status, found }: NoUpgrade): Finding {
  if (status === 0) {
    return failed(
      `no WebSocket opens (${found})`,
      "Is this OpenD's WebSocket port (websocket_port), and not its API port?",
    );
  }
  const remedy =
    status >= 500
      ? "Cloudflare, or a proxy, is there, but not OpenD behind it: does cloudflared run on OpenD's machine, and does its service point to OpenD's WebSocket port?"
      : "Something else than OpenD listens there. Is the host name in OPEND_URL the one that leads to OpenD's WebSocket port?";
  return failed(`the address answers HTTP ${status}, not a WebSocket`, remedy);
}

function explainAccess({ access }: OpendAddress, { status }: NoUpgrade): Finding {
  if (access) {
    return failed(
      `the service token is refused, or a firewall rule stands before it (HTTP ${status})`,
      "Is it the right one and not expired, and has the Access application a policy with the action Service Auth for it?",
    );
  }
  return failed(
    `Cloudflare Access asks for a login, or a firewall rule stands before it (HTTP ${status})`,
    "Make a service token, and set OPEND_ACCESS_CLIENT_ID and OPEND_ACCESS_CLIENT_SECRET.",
  );
}

/** Whether the token is needed at all, and what else keeps strangers out. */
async function lookForAccess({ access, ...open }: OpendAddress): Promise<Finding> {
  if (access) {
    const without = await connectFromNode(open, DEADLINES.connect);
    if (without instanceof NoUpgrade) {
      return isAccess(without)
        ? ok("the service token is let through, and nobody without one")
        : warning("the service token is let through; whoever has none gets no clear answer", "Look again.");
    }
    without.drop();
    return failed(
      "whoever has no token is let through as well",
      "Is the Access application made for this very host name, and saved?",
    );
  }
  if (open.key === undefined) {
    return warning(
      "nothing asks for a token, and OPEND_KEY is not set",
      "On the internet everybody could use this OpenD: give it a key, and put Access before its tunnel.",
    );
  }
  return ok("nothing asks for a token");
}
