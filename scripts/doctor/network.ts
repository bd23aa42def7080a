import { lookup } from "node:dns/promises";
import { BlockList, connect, isIP, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { type Check, failed, ok, warning } from "./check.ts";

/** How long a name, a connection or a handshake may take, in milliseconds. */
const MOST_MS = 5_000;
/** A certificate with fewer days left is worth a word. */
const FEW_DAYS = 14;

/** Addresses that no Worker on Cloudflare reaches. */
const PRIVATE = new BlockList();
for (const [net, bits] of [
  ["127.0.0.0", 8],
  ["10.0.0.0", 8],
  ["172.16.0.0", 12],
  ["192.168.0.0", 16],
  ["169.254.0.0", 16],
  ["100.64.0.0", 10],
] as const) {
  PRIVATE.addSubnet(net, bits, "ipv4");
}
for (const [net, bits] of [
  ["::1", 128],
  ["fc00::", 7],
  ["fe80::", 10],
] as const) {
  PRIVATE.addSubnet(net, bits, "ipv6");
}

const FROM_CLOUDFLARE =
  "It will do for npm run dev on this machine. For Cloudflare, put a tunnel (cloudflared) or a public name in front.";

/** The way to OpenD's port: its name, the port, and TLS where the address has it. */
export function networkChecks(url: URL): Check[] {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const secure = url.protocol === "wss:";
  const port = Number(url.port || (secure ? 443 : 80));
  return [
    { name: "opend dns", exit: 30, look: () => resolve(host) },
    { name: "opend tcp", exit: 31, look: () => reach(host, port) },
    ...(secure ? [{ name: "opend tls", exit: 32, look: () => handshake(host, port) }] : []),
  ];
}

async function resolve(host: string) {
  let addresses: string[];
  try {
    const found = lookup(host, { all: true });
    addresses = (await Promise.race([found, late()])).map(({ address }) => address);
  } catch (thrown) {
    return failed(
      `${host} cannot be looked up (${codeOf(thrown)})`,
      "Is the name in OPEND_URL right, and does its DNS entry exist? A tunnel's is made by cloudflared tunnel route dns.",
    );
  }
  const isPrivate = addresses.every((each) => PRIVATE.check(each, isIP(each) === 6 ? "ipv6" : "ipv4"));
  const found = isIP(host) ? host : `${host} is ${addresses.join(", ")}`;
  if (isPrivate) return warning(`${found}, which no Worker on Cloudflare reaches`, FROM_CLOUDFLARE);
  if (isIP(host)) {
    return warning(
      `${found} is an address, which a Worker on Cloudflare does not connect to`,
      FROM_CLOUDFLARE,
    );
  }
  return ok(found);
}

async function reach(host: string, port: number) {
  const socket = connect({ host, port });
  try {
    await settled(socket, "connect");
    return ok(`port ${port} answers`);
  } catch (thrown) {
    return failed(
      `port ${port} of ${host} does not answer (${codeOf(thrown)})`,
      "Does OpenD run, is its WebSocket port switched on (websocket_port), and does a firewall let it through?",
    );
  } finally {
    socket.destroy();
  }
}

async function handshake(host: string, port: number) {
  const socket = connectTls({ host, port, ...(isIP(host) ? {} : { servername: host }) });
  try {
    await settled(socket, "secureConnect");
    return certificateOf(socket);
  } catch (thrown) {
    return failed(
      `TLS with ${host} fails (${codeOf(thrown)})`,
      "A Worker takes no certificate that a browser would not: one of a public authority, for this very name, not expired. If the port speaks no TLS, OPEND_URL begins with ws://.",
    );
  } finally {
    socket.destroy();
  }
}

function certificateOf(socket: TLSSocket) {
  const { valid_to: until } = socket.getPeerCertificate();
  const days = Math.floor((Date.parse(until) - Date.now()) / 86_400_000);
  if (days < FEW_DAYS) return warning(`the certificate expires in ${days} days`, "Renew it.");
  return ok(`${socket.getProtocol()}, a certificate for ${days} days more`);
}

/** Waits until a socket has connected. */
function settled(socket: Socket, event: "connect" | "secureConnect"): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.setTimeout(MOST_MS, () => reject(new Late()));
    socket.once(event, () => resolve());
    // It may fail once more when it is destroyed.
    socket.on("error", reject);
  });
}

class Late extends Error {
  readonly code = "ETIMEDOUT";
}

function late(): Promise<never> {
  return new Promise((_, reject) => setTimeout(() => reject(new Late()), MOST_MS).unref());
}

function codeOf(thrown: unknown): string {
  return thrown instanceof Error && "code" in thrown ? String(thrown.code) : "unknown";
}
