import type { Config } from "../../functions/env.ts";
import { Failure, type FailureCode, QUOTA_CODES } from "../../functions/errors.ts";
import type { Connection, OpendAddress } from "../../functions/opend/connect.ts";
import { type OpendSession, openSession } from "../../functions/opend/session.ts";
import {
  encodePageRequest,
  GET_SHORT_INTEREST,
  parsePageReply,
} from "../../functions/opend/short-interest.ts";
import { FIRST_CURSOR, MAX_ROWS, pageOf } from "../../functions/short-interest/page.ts";
import { DEADLINES } from "../../functions/timeout.ts";
import { type Check, compareClocks, type Finding, failed, ok, skipped, warning } from "./check.ts";
import { networkChecks } from "./network.ts";
import { connectFromNode, isAccess, NoUpgrade, nodeWith } from "./runtime.ts";

/** A stock that every OpenD with Hong Kong quotes knows. */
const SYMBOL = { market: "HK", code: "00700" } as const;

const ADVICE: Partial<Record<FailureCode, string>> = {
  opend_unreachable: "Check in OpenD's window or log that OpenD is logged in.",
  opend_timeout:
    "The connection is open, but OpenD does not respond. Check that OpenD is logged in, and restart it.",
  opend_no_permission: "OpenD's account has no permission for Hong Kong quotes. Get it from Futu or moomoo.",
  upstream_quota_exceeded:
    "Other programs use the same account. Lower UPSTREAM_LIMIT by the calls that they need, or use a separate account.",
  opend_protocol_error:
    "Check that the port is OpenD's WebSocket port (websocket_port), not its API port. Update OpenD.",
};
const DEFAULT_ADVICE = "See OpenD's log. OpenD may be too old for protocol 3249: update it.";

/** Acquires a permit and makes a call with it. */
export type WithPermit = <T>(call: () => Promise<T>) => Promise<T>;

/**
 * Checks OpenD: network, upgrade, Access, key, login, clock and one call.
 * @param withPermit undefined if Upstash is unavailable, so that no call can be made
 * @param onExit registers a function to run when all checks have ended
 */
export function opendChecks(
  { opend }: Config,
  withPermit: WithPermit | undefined,
  onExit: (cleanUp: () => void) => void,
): Check[] {
  const signal = new AbortController().signal;
  let connection: Connection | NoUpgrade | undefined;
  let session: OpendSession | Failure | undefined;
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
        session = await openSession(opend, DEADLINES, signal, nodeWith(connection)).catch(Failure.from);
        if (!(session instanceof Failure)) {
          onExit(session.close);
          return ok(opend.key === undefined ? "not set, and not required" : "accepted");
        }
        if (session.code !== "opend_key_refused")
          return skipped("not run: the login failed for another reason");
        return failed(
          opend.key === undefined
            ? "OpenD requires a key, but OPEND_KEY is not set"
            : "OpenD refused OPEND_KEY",
          "Set OPEND_KEY to OpenD's websocket_key in plain text, not to its MD5.",
        );
      },
    },
    {
      name: "opend login",
      exit: 35,
      run: async () => (session instanceof Failure ? explainFailure(session) : ok("login succeeded")),
    },
    {
      name: "opend clock",
      exit: 38,
      async run() {
        if (session === undefined || session instanceof Failure) return skipped("not run: no session");
        if (session.serverTime === 0n) return skipped("OpenD did not report its time");
        return compareClocks("OpenD", Number(session.serverTime) * 1_000, Date.now());
      },
    },
    {
      name: "opend call",
      exit: 37,
      async run() {
        if (!withPermit) return skipped("not run: a call needs a permit from Upstash");
        if (session === undefined || session instanceof Failure) return skipped("not run: no session");
        const body = encodePageRequest({ symbol: SYMBOL, cursor: FIRST_CURSOR, num: MAX_ROWS });
        const { call: send } = session;
        const reply = await withPermit(() => send(GET_SHORT_INTEREST, body, signal)).catch(Failure.from);
        if (reply instanceof Failure) {
          return QUOTA_CODES.has(reply.code)
            ? skipped("not run: the rate limit is used up at the moment")
            : explainFailure(reply);
        }
        try {
          const { rows } = pageOf(SYMBOL.market, FIRST_CURSOR, parsePageReply(reply));
          return ok(`Qot_GetShortInterest (3249) returned ${rows.length} rows of HK.00700`);
        } catch (thrown) {
          return explainFailure(Failure.from(thrown));
        }
      },
    },
  ];
}

function explainFailure({ code, detail }: Failure): Finding {
  return failed(detail, ADVICE[code] ?? DEFAULT_ADVICE);
}

function explainUpgrade({ status, error }: NoUpgrade): Finding {
  if (status === 0) {
    return failed(
      `WebSocket upgrade failed: ${error}`,
      "Check that the port is OpenD's WebSocket port (websocket_port), not its API port.",
    );
  }
  const advice =
    status >= 500
      ? "Cloudflare or a proxy answers, but cannot reach OpenD. Check that cloudflared runs on OpenD's machine, and that its service is OpenD's WebSocket port."
      : "Another server answers. Check that the host name in OPEND_URL leads to OpenD's WebSocket port.";
  return failed(`WebSocket upgrade failed: HTTP ${status}`, advice);
}

function explainAccess({ accessToken }: OpendAddress, { status }: NoUpgrade): Finding {
  if (accessToken) {
    return failed(
      `Cloudflare Access or a firewall rule refused the service token: HTTP ${status}`,
      "Check the token and its expiry, and that the Access application has a policy with the action Service Auth for it.",
    );
  }
  return failed(
    `Cloudflare Access or a firewall rule requires a login: HTTP ${status}`,
    "Create a service token, and set OPEND_ACCESS_CLIENT_ID and OPEND_ACCESS_CLIENT_SECRET.",
  );
}

/** Whether Access refuses connections without the token, or OpenD requires a key. */
async function checkAccess({ accessToken, ...open }: OpendAddress): Promise<Finding> {
  if (accessToken) {
    const withoutToken = await connectFromNode(open, DEADLINES.connect);
    if (withoutToken instanceof NoUpgrade) {
      return isAccess(withoutToken)
        ? ok("service token accepted; connections without it are refused")
        : warning("service token accepted; the result without it is unclear", "Run the doctor again.");
    }
    withoutToken.drop();
    return failed(
      "connections without the service token are accepted as well",
      "Check that the Access application is saved and has exactly this host name.",
    );
  }
  if (open.key === undefined) {
    return warning(
      "no service token required, and OPEND_KEY is not set",
      "Anyone who can connect to this port can use OpenD. Configure a key, and protect its tunnel with Access.",
    );
  }
  return ok("no service token required");
}
