import type { OpendAddress } from "../../functions/opend/connect.ts";
import { DEADLINES } from "../../functions/timeout.ts";
import { type Finding, failed, ok, warning } from "./check.ts";
import { isPrivateHost } from "./network.ts";
import { connectFromNode, isAccess, NoUpgrade } from "./runtime.ts";

/** Whether strangers can connect to OpenD, and whether a stranger on the way can read the connection. */
export async function checkAccess({ accessToken, ...open }: OpendAddress): Promise<Finding> {
  if (open.rsaPrivateKey !== undefined && (await isPlainOnInternet(open))) {
    return failed(
      "hazard: OPEND_RSA_PRIVATE_KEY itself would cross the internet without encryption (ws://); the doctor did not send it",
      "Let OPEND_URL begin with wss://, or use a Cloudflare Tunnel. If the service has already logged in this way, create a new RSA key: others may have read this one.",
    );
  }
  if (accessToken) {
    const withoutToken = await connectFromNode(open, DEADLINES.connect);
    if (!(withoutToken instanceof NoUpgrade)) {
      withoutToken.drop();
      return failed(
        "connections without the service token are accepted as well",
        "Check that the Access application is saved and has exactly this host name.",
      );
    }
    if (!isAccess(withoutToken)) {
      return warning("service token accepted; the result without it is unclear", "Run the doctor again.");
    }
    if (await isPlainOnInternet(open)) {
      return warning(
        "service token accepted, but it is sent without encryption (ws://) over the internet",
        "Let OPEND_URL begin with wss://, and create a new token: others may have read this one.",
      );
    }
    return ok("service token accepted; connections without it are refused");
  }
  if (await isPlainOnInternet(open)) {
    return warning(
      "hazard: OpenD's port is open at a public address, without encryption (ws://) and without Access",
      `${open.key === undefined ? "Anyone can use OpenD." : "Others on the way can read and change all, and log in with the digest of OPEND_KEY."} Set websocket_ip to 127.0.0.1 and use a Cloudflare Tunnel with Access, or give OpenD a certificate and use wss://.`,
    );
  }
  if (open.key === undefined) {
    return warning(
      "no service token required, and OPEND_KEY is not set",
      "Every program that reaches this port can use OpenD. Configure a key, and protect its tunnel with Access.",
    );
  }
  return ok("no service token required");
}

/** Whether the connection is plain text, and leads to an address that is neither private nor of this machine. */
async function isPlainOnInternet({ url }: OpendAddress): Promise<boolean> {
  return url.protocol === "ws:" && !(await isPrivateHost(url));
}
