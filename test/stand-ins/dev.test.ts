import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { afterAll, expect, it, vi } from "vitest";
import { API_KEYS, KEY } from "../support/webhook-maker.ts";

const running: ChildProcess[] = [];
afterAll(() => {
  for (const child of running) child.kill("SIGKILL");
});

type Command = readonly [string, ...string[]];
const COMMAND: Command = [process.execPath, "test/stand-ins/dev.ts"];

/** Starts `npm run dev` with these variables, and collects its output. */
function dev(vars: Record<string, string>, [command, ...args] = COMMAND) {
  const child = spawn(command, args, {
    env: { ...process.env, PORT: "0", DEV_VARS_FILE: "none", ...vars },
  });
  running.push(child);
  const printed = { text: "" };
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (printed.text += chunk));
  const exit = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const origin = () =>
    vi.waitFor(
      () => /^Worker: +(\S+),/m.exec(printed.text)?.[1] ?? Promise.reject(new Error(printed.text)),
      20_000,
    );
  return { child, printed, exit, origin };
}

it("npm run dev serves sample data, survives invalid cursors, prints log lines, and exits with 0 on SIGTERM", async () => {
  const { child, printed, exit, origin } = dev({});
  const url = await origin();
  expect(printed.text).toMatch(
    /^OpenD: {4}mock server with SAMPLE DATA, ws:\S+\nUpstash: {2}mock server over \S+, http:\S+\n/,
  );
  await vi.waitFor(() => expect(printed.text).toContain(`\nSDKs:     npm run bridge -- ${url}\n`));
  const command = /curl '(\S+)'/.exec(printed.text)?.[1] ?? "";
  expect((await fetch(command)).status).toBe(200);
  for (const cursor of ["abc", "1777478400.0", "99999999999"]) {
    const { status } = await fetch(`${url}/v1/short-interest/US.AAPL?next_key=${cursor}`);
    expect([200, 502]).toContain(status);
  }
  expect((await fetch(`${url}/v1/short-interest/HK.00700`)).status).toBe(200);
  await vi.waitFor(() =>
    expect(printed.text).toContain('{"route":"GET /v1/short-interest/:symbol","status":200'),
  );
  child.kill("SIGTERM");
  expect(await exit).toBe(0);
});

it("npm run dev stops if npm ends without a signal to it", async () => {
  // The second command keeps the shell, which npm runs as well.
  const shell: Command = ["sh", "-c", `${COMMAND.join(" ")}; true`];
  const { child, origin } = dev({ npm_lifecycle_event: "dev" }, shell);
  const url = await origin();
  // Without the shell, npm run dev and its children have the other ends of the pipes.
  const closed = once(child, "close");
  child.kill("SIGKILL");
  await closed;
  await expect(fetch(url)).rejects.toThrow();
});

it("npm run dev enables webhooks with a random WEBHOOK_SECRET_KEY if API_KEYS is set", async () => {
  const { child, exit, origin } = dev({ API_KEYS });
  const url = await origin();
  expect((await fetch(`${url}/v1/short-interest/HK.00700`)).status).toBe(401);
  const response = await fetch(`${url}/v1/webhooks`, { headers: { "X-API-Key": KEY } });
  expect(await response.json()).toEqual({ items: [] });
  child.kill("SIGTERM");
  expect(await exit).toBe(0);
});

it.concurrent.each([
  [{ OPEND_URL: "http://user:hunter2@127.0.0.1" }, "OPEND_URL is not a URL"],
  [{ OPEND_URL: "ws://user:hunter2@127.0.0.1" }, "OPEND_URL contains a user name or password"],
  [{ PUBLIC_ACCESS: "no" }, 'PUBLIC_ACCESS is not "yes"'],
  [{ UPSTREAM_LIMIT: "many" }, "UPSTREAM_LIMIT is not an integer from 1 to 30"],
  [{ UPSTASH_REDIS_REST_URL: "http://127.0.0.1:1" }, "UPSTASH_REDIS_REST_TOKEN is not set"],
  [{ PORT: "http" }, "Port http is not available"],
])("npm run dev with %j prints the error and exits with 1", async (vars, message) => {
  const { printed, exit } = dev(vars);
  expect(await exit).toBe(1);
  expect(printed.text).toContain(message);
  expect(printed.text).not.toContain("hunter2");
});
