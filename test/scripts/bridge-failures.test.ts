import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, expect, it, vi } from "vitest";
import { bytesOf, endBridges, FAST_TIMERS, runBridge, startBridge } from "../support/bridge-process.ts";
import { CERTIFICATE, PRIVATE_KEY } from "../support/certificate.ts";
import { endEdges, startEdge, startRefusingEdge } from "../support/edge-stand-in.ts";

afterEach(endBridges);
afterEach(endEdges);

const KEY = "si_key-of-the-bridge";
const TLS = { cert: CERTIFICATE, key: PRIVATE_KEY };

/** Accepts connections, and sends nothing. */
const silent = createServer((socket) => socket.resume().on("error", () => {}));
await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
const silentPort = Object(silent.address()).port;
afterAll(() => silent.close());

/** Connects a program, and returns the line that is printed when its connection has ended. */
async function failureOf(bridge: Awaited<ReturnType<typeof startBridge>>): Promise<string> {
  const before = bridge.printed.text.length;
  const program = await bridge.connect();
  program.write("request");
  expect(await bytesOf(program)).toHaveLength(0);
  await vi.waitFor(() => expect(bridge.printed.text.slice(before)).toContain("\n"));
  expect(bridge.printed.text).not.toContain(KEY);
  return bridge.printed.text.slice(before);
}

it("A refused upgrade closes the program's connection, and prints the status and the problem's detail", async () => {
  let answer: readonly [status: number, body: string] = [500, ""];
  const origin = await startRefusingEdge((response) => {
    const [status, body] = answer;
    response.writeHead(status, { "Content-Type": "application/problem+json" });
    response.write(body.slice(0, 5));
    response.end(body.slice(5));
  });
  const bridge = await startBridge(origin, { API_KEY: KEY });
  const failureWith = (status: number, body: string) => {
    answer = [status, body];
    return failureOf(bridge);
  };
  for (const status of [200, 401, 403, 426, 429, 500, 503]) {
    expect(await failureWith(status, '{"title":"Refused","detail":"Limit reached"}')).toBe(
      `Bridge: connection closed: HTTP ${status}: Limit reached\n`,
    );
  }
  for (const [body, text] of [
    ['{"detail":"a\\n\\u001b[31mb\\u202e"}', "HTTP 403: a [31mb"],
    [`{"detail":"Unknown key ${KEY}"}`, "HTTP 403: Unknown key [API_KEY]"],
    [JSON.stringify({ detail: "x".repeat(100_000) }), `HTTP 403: ${"x".repeat(190)}`],
    ['{"detail":{}}', "HTTP 403"],
    ["{}", "HTTP 403"],
    ["null", "HTTP 403"],
    ["<html>", "HTTP 403"],
    ["", "HTTP 403"],
    [JSON.stringify({ detail: "x".repeat(2_000_000) }), "HTTP 403"],
  ] as const) {
    expect(await failureWith(403, body)).toBe(`Bridge: connection closed: ${text}\n`);
  }
});

it("A redirect is not followed, so that no other host gets the key", async () => {
  const other = await startEdge();
  const origin = await startRefusingEdge((response) =>
    response.writeHead(308, { Location: other.origin }).end(),
  );
  expect(await failureOf(await startBridge(origin, { API_KEY: KEY }))).toContain("closed: HTTP 308\n");
  expect(other.upgrades).toEqual([]);
});

it.each([
  "http://127.0.0.1:1",
  // With two addresses, Node's error has a code only.
  "http://localhost:1",
])("A refused connection to %s closes the program's connection", async (origin) => {
  const bridge = await startBridge(origin, { API_KEY: KEY });
  expect(await failureOf(bridge)).toMatch(/^Bridge: connection closed: .*ECONNREFUSED.*\n$/);
});

it("A service that sends nothing, or half a refusal, is given up 10 s later", async () => {
  const slow = await startRefusingEdge((response) => response.writeHead(503).write("{"));
  for (const origin of [`http://127.0.0.1:${silentPort}`, slow]) {
    const bridge = await startBridge(origin, { API_KEY: KEY, ...FAST_TIMERS });
    expect(await failureOf(bridge)).toBe("Bridge: connection closed: no answer from the service\n");
  }
});

it("The bridge forwards over TLS, and sends nothing to a service without a trusted certificate", async () => {
  const edge = await startEdge((socket) => socket.close(1008, "over TLS"), undefined, TLS);
  const bridge = await startBridge(edge.origin, { API_KEY: KEY });
  expect(await failureOf(bridge)).toMatch(/^Bridge: connection closed: self-signed certificate.*\n$/);
  expect(edge.upgrades).toEqual([]);
  const directory = await mkdtemp(join(tmpdir(), "bridge-"));
  const certificates = join(directory, "certificate.pem");
  await writeFile(certificates, CERTIFICATE);
  const trusting = await startBridge(edge.origin, { API_KEY: KEY, NODE_EXTRA_CA_CERTS: certificates });
  expect(await failureOf(trusting)).toBe("Bridge: connection closed: code 1008 over TLS\n");
  expect(edge.upgrades[0]?.headers["x-api-key"]).toBe(KEY);
  await rm(directory, { recursive: true });
});

it.each([
  [],
  ["example.com"],
  ["ftp://example.com"],
  ["wss://example.com"],
  ["https://user:secret@example.com"],
  ["https://example.com/tcp"],
  ["https://example.com/?key=secret"],
  ["https://example.com/#secret"],
  ["https://example.com", "https://example.com"],
  ["https://example.com", "--port"],
  ["https://example.com", "--port", ""],
  ["https://example.com", "--port", "65536"],
  ["https://example.com", "--port", "-1"],
  ["https://example.com", "--port", "1e3"],
  ["https://example.com", "--host", "0.0.0.0"],
])("Wrong arguments print the usage and exit with 1: %j %j %j", async (...args) => {
  const { printed, exit } = runBridge(args.filter((argument) => argument !== undefined));
  expect(await exit).toBe(1);
  expect(printed.text).toBe("usage: npm run bridge -- https://address-of-the-service [--port 0-65535]\n");
});

it("API_KEY is not sent over http:// to another host, and cannot have characters that a header cannot", async () => {
  const remote = runBridge(["http://example.com"], { API_KEY: KEY });
  expect(await remote.exit).toBe(1);
  expect(remote.printed.text).toBe("API_KEY is sent only over https:// or to this machine\n");
  const invalid = runBridge(["https://example.com"], { API_KEY: "two\nlines" });
  expect(await invalid.exit).toBe(1);
  expect(invalid.printed.text).toBe("API_KEY contains characters that no key has\n");
});

it.each([
  ["https://example.com", KEY],
  ["http://example.com", ""],
  ["http://[::1]:8787", KEY],
])("The bridge to %s starts with API_KEY %j", async (address, key) => {
  const { line } = await startBridge(address, { API_KEY: key });
  expect(line).toMatch(new RegExp(`to ${address.replace(/[[\]]/g, "\\$&")}/tcp\n$`));
});

it("A port in use is an error with a hint and exit code 1", async () => {
  const { printed, exit } = runBridge(["https://example.com", "--port", `${silentPort}`]);
  expect(await exit).toBe(1);
  expect(printed.text).toBe(
    `Port ${silentPort} is in use, perhaps by an OpenD. Choose another with --port.\n`,
  );
});

it("The default port is 11111", async () => {
  // An OpenD may run on this machine.
  const { printed } = runBridge(["https://example.com"]);
  await vi.waitFor(
    () => expect(printed.text).toMatch(/^(?:Bridge: 127\.0\.0\.1:11111 to|Port 11111 is)/),
    20_000,
  );
});

it("The bridge listens on 127.0.0.1 only", async () => {
  const { port } = await startBridge("https://example.com");
  const other = createServer().listen(port, "127.0.0.2");
  await once(other, "listening");
  other.close();
});

it.each(["SIGINT", "SIGTERM"] as const)(
  "%s ends the bridge and its connections with exit code 0",
  async (signal) => {
    const edge = await startEdge();
    const bridge = await startBridge(edge.origin);
    const program = await bridge.connect();
    await vi.waitFor(() => expect(edge.sockets.size).toBe(1));
    const ended = bytesOf(program);
    bridge.child.kill(signal);
    expect(await bridge.exit).toBe(0);
    await ended;
    await vi.waitFor(() => expect(edge.sockets.size).toBe(0));
    expect(bridge.failures()).toBe("");
  },
);

it("The bridge ends if npm ends without a signal to it", async () => {
  // The second command keeps the shell, which npm runs as well.
  const command = `'${process.execPath}' scripts/bridge.ts https://example.com --port 0; true`;
  const env = { PATH: process.env.PATH, DEV_VARS_FILE: "none", npm_lifecycle_event: "bridge" };
  const shell = spawn("sh", ["-c", command], { env });
  await once(shell.stdout, "data");
  shell.kill("SIGKILL");
  // The bridge has the other end of the pipe.
  await once(shell, "close");
});
