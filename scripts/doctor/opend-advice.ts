import type { Failure, FailureCode } from "../../functions/errors.ts";
import type { OpendAddress } from "../../functions/opend/connect.ts";
import { operatorTextOf } from "../../functions/opend/operator-text.ts";
import { type Finding, failed } from "./check.ts";
import type { NoUpgrade } from "./runtime.ts";

/** Explains failures of OpenD to its operator. docs/deploy.md describes these situations too. */

const NOT_LOGGED_IN =
  "OpenD is probably not logged in to Futu: it opens its WebSocket port only after its login.";
const THROTTLED =
  "If OpenD was started several times within minutes, Futu may throttle its login: wait for 30 minutes.";

const ADVICE: Partial<Record<FailureCode, string>> = {
  opend_unreachable: "Check in OpenD's window or log that OpenD is logged in.",
  opend_timeout:
    "The connection is open, but OpenD does not respond. Check that OpenD is logged in, and restart it.",
  opend_no_permission: "OpenD's account has no permission for these quotes. Get it from Futu or moomoo.",
  upstream_quota_exceeded:
    "Other programs use the same account. Lower UPSTREAM_LIMIT by the calls that they need, or use a separate account.",
  opend_protocol_error:
    "Check that the port is OpenD's WebSocket port (websocket_port), not its API port. Update OpenD.",
};
const DEFAULT_ADVICE = "See OpenD's log. OpenD may be too old for protocol 3249: update it.";

/** A failure of a call, with OpenD's own text. */
export function explainFailure(failure: Failure, opend: OpendAddress) {
  return failed(failure.detail + quoteOpend(failure, opend), ADVICE[failure.code] ?? DEFAULT_ADVICE);
}

/** A failure of the login, for another reason than the key. */
export function explainLogin(failure: Failure, opend: OpendAddress): Finding {
  const { code, opendReply } = failure;
  const message = failure.detail + quoteOpend(failure, opend);
  if (code === "opend_timeout" && opendReply === undefined) return explainSilence(message, opend);
  if (code === "opend_unreachable" && opendReply === undefined) {
    return failed(message, `${NOT_LOGGED_IN} See its log. ${THROTTLED}`);
  }
  if (code === "opend_protocol_error") return failed(message, ADVICE.opend_protocol_error ?? "");
  return failed(message, `See OpenD's log. OpenD may have lost its login to Futu. ${THROTTLED}`);
}

/** A login without a reply: probably an RSA key of OpenD. */
function explainSilence(message: string, { rsaPrivateKey }: OpendAddress): Finding {
  const remove = "or remove rsa_private_key from OpenD.xml and restart OpenD.";
  if (rsaPrivateKey === undefined) {
    return failed(
      `${message}; an RSA key (rsa_private_key) may be configured`,
      `Set OPEND_RSA_PRIVATE_KEY to the text of the file that rsa_private_key in OpenD.xml names, ${remove}`,
    );
  }
  return failed(
    `${message}; OPEND_RSA_PRIVATE_KEY may differ from its RSA key (rsa_private_key)`,
    `Check that OPEND_RSA_PRIVATE_KEY has the text of the file that rsa_private_key in OpenD.xml names, ${remove}`,
  );
}

/** OpenD's own text for the end of a message; empty if OpenD sent none. */
export function quoteOpend(failure: Failure, opend: OpendAddress): string {
  const said = operatorTextOf(failure, opend);
  if (!said) return "";
  const number = said.error === undefined ? `retType ${said.ret_type}` : `header error ${said.error}`;
  return said.text === "" ? `; OpenD sent ${number} without a text` : `; OpenD: "${said.text}" (${number})`;
}

/** A port that does not accept TCP connections. */
export function explainPort(host: string, port: number, error: string): Finding {
  const message = `connection to port ${port} of ${host} failed: ${error}`;
  if (error === "ECONNREFUSED") {
    return failed(
      message,
      `${NOT_LOGGED_IN} Check its log, and that its WebSocket port (websocket_port) is enabled and has this number. ${THROTTLED}`,
    );
  }
  return failed(message, "Check that OpenD's machine is reachable, and that no firewall blocks the port.");
}

/** An address that answers an upgrade with something else, or not at all. */
export function explainUpgrade({ status, error }: NoUpgrade): Finding {
  if (status === 0) {
    if (error === "ECONNRESET") {
      return failed(
        "WebSocket upgrade failed: ECONNRESET",
        `The port accepts connections and closes them. Check that it is OpenD's WebSocket port (websocket_port), and see OpenD's log. ${THROTTLED}`,
      );
    }
    return failed(
      `WebSocket upgrade failed: ${error}`,
      "Check that the port is OpenD's WebSocket port (websocket_port), not its API port.",
    );
  }
  return failed(`WebSocket upgrade failed: HTTP ${status}`, adviseOnStatus(status));
}

function adviseOnStatus(status: number): string {
  if (status === 502 || status === 503) {
    return `The tunnel answers, but cannot connect to OpenD. ${NOT_LOGGED_IN} Check its log, and that the tunnel's service is OpenD's WebSocket port. ${THROTTLED}`;
  }
  if (status >= 500) {
    return "Cloudflare or a proxy answers, but no tunnel. Check that cloudflared runs on OpenD's machine, and that its service is OpenD's WebSocket port.";
  }
  return "Another server answers. Check that the host name in OPEND_URL leads to OpenD's WebSocket port.";
}

/** An address whose upgrade needs a login. */
export function explainAccess({ accessToken }: OpendAddress, { status }: NoUpgrade): Finding {
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
