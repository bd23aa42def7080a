import { describe, expect, it } from "vitest";
import { PRIVATE_KEY } from "../support/certificate.ts";
import { report, SECRETS } from "../support/doctor.ts";
import { startsDoctorServices } from "../support/doctor-services.ts";
import { readPermits } from "../support/permit-log.ts";

const { start } = startsDoctorServices();

/** Shortens the wait for a login without a reply. */
const SHORT_LOGIN_OPTION = { NODE_OPTIONS: "--import=./test/support/short-login-deadline.ts" };
/** Lets the doctor believe that OpenD's address is public. */
const PUBLIC_OPTION = { NODE_OPTIONS: "--import=./test/support/public-loopback.ts" };
const THROTTLED =
  "If OpenD was started several times within minutes, Futu may throttle its login: wait for 30 minutes.";

/** Runs the doctor, and finds one check. */
async function checkOf(name: string, vars: Readonly<Record<string, string>>) {
  const { exit, checks } = await report(vars);
  const { status, message, advice = "" } = checks.find((check) => check.name === name) ?? {};
  return { exit, status, message, advice };
}

/** The same address by a name, so that the doctor resolves it. */
const onLocalhost = (url: string) => url.replace("127.0.0.1", "localhost");

describe.concurrent("doctor on an OpenD that is not logged in", () => {
  it("explains a closed port", async () => {
    const { vars } = await start();
    const found = await checkOf("opend tcp", { ...vars, OPEND_URL: "ws://127.0.0.1:1" });
    expect(found).toMatchObject({
      exit: 31,
      status: "failed",
      message: "connection to port 1 of 127.0.0.1 failed: ECONNREFUSED",
      advice: expect.stringMatching(/^OpenD is probably not logged in to Futu: .* only after its login\./),
    });
    expect(found.advice).toContain(THROTTLED);
  });

  it.each([502, 503])("explains HTTP %i of a tunnel", async (httpStatus) => {
    const { vars } = await start({ httpStatus });
    const found = await checkOf("opend upgrade", vars);
    expect(found).toMatchObject({
      exit: 33,
      status: "failed",
      message: `WebSocket upgrade failed: HTTP ${httpStatus}`,
      advice: expect.stringContaining("OpenD is probably not logged in to Futu"),
    });
  });

  it("does not confuse it with a tunnel that does not run", async () => {
    const { vars } = await start({ httpStatus: 530 });
    const found = await checkOf("opend upgrade", vars);
    expect(found).toMatchObject({ exit: 33, advice: expect.stringContaining("Check that cloudflared runs") });
    expect(found.advice).not.toContain("logged in");
  });

  it("shows OpenD's text about a throttled login", async () => {
    const text = "登录失败,网络异常，请稍后再试";
    const { vars } = await start({ loginRefusal: text });
    const found = await checkOf("opend login", vars);
    expect(found).toMatchObject({
      exit: 35,
      status: "failed",
      message: `OpenD's own login to Futu has failed; OpenD: "${text}" (retType -1)`,
      advice: `See OpenD's log. OpenD may have lost its login to Futu. ${THROTTLED}`,
    });
  });

  it("shows a header error about a throttled login, and does not blame the key", async () => {
    const { vars } = await start({ fault: "login: throttled" });
    const found = await checkOf("opend login", vars);
    expect(found).toMatchObject({
      exit: 35,
      message: expect.stringContaining('OpenD: "登录失败" (header error 9)'),
    });
    expect(found.advice).toContain(THROTTLED);
  });

  it("explains a connection that closes during the login", async () => {
    const { vars } = await start({ fault: "login: drop" });
    const found = await checkOf("opend login", vars);
    expect(found).toMatchObject({ exit: 35, status: "failed", message: "OpenD dropped the connection" });
    expect(found.advice).toMatch(/^OpenD is probably not logged in to Futu: /);
    expect(found.advice).toContain(THROTTLED);
  });

  it("explains connections that close as soon as they are accepted", async () => {
    const { vars } = await start({ fault: "reset" });
    const found = await checkOf("opend upgrade", vars);
    expect(found).toMatchObject({
      exit: 33,
      status: "failed",
      message: "WebSocket upgrade failed: ECONNRESET",
    });
    expect(found.advice).toContain(THROTTLED);
  });
});

describe.concurrent("doctor on an OpenD with an RSA key", () => {
  const rsaPrivateKey = PRIVATE_KEY.trim();

  it("explains a login without a reply", async () => {
    const { vars } = await start({ rsaPrivateKey });
    const found = await checkOf("opend login", { ...vars, ...SHORT_LOGIN_OPTION });
    expect(found).toMatchObject({
      exit: 35,
      status: "failed",
      message:
        "OpenD accepted the connection but does not answer the login; an RSA key (rsa_private_key) may be configured",
      advice:
        "Set OPEND_RSA_PRIVATE_KEY to the text of the file that rsa_private_key in OpenD.xml names, or remove rsa_private_key from OpenD.xml and restart OpenD.",
    });
  });

  it("explains it with another key", async () => {
    const { vars } = await start({ rsaPrivateKey: "another" });
    const key = { OPEND_RSA_PRIVATE_KEY: rsaPrivateKey };
    const found = await checkOf("opend login", { ...vars, ...key, ...SHORT_LOGIN_OPTION });
    expect(found).toMatchObject({
      exit: 35,
      message:
        "OpenD accepted the connection but does not answer the login; OPEND_RSA_PRIVATE_KEY may differ from its RSA key (rsa_private_key)",
      advice: expect.stringMatching(/^Check that OPEND_RSA_PRIVATE_KEY/),
    });
    expect(JSON.stringify(found)).not.toContain(rsaPrivateKey.split("\n")[1]);
  });

  it("passes with the same key", async () => {
    const { vars } = await start({ rsaPrivateKey });
    const found = await checkOf("opend call", { ...vars, OPEND_RSA_PRIVATE_KEY: rsaPrivateKey });
    expect(found).toMatchObject({ exit: 0, status: "ok" });
  });
});

describe.concurrent("doctor on an OpenD with a plaintext port", () => {
  it("warns of the hazard if its address is public", async () => {
    const { vars } = await start();
    const OPEND_URL = onLocalhost(vars.OPEND_URL ?? "");
    const found = await checkOf("opend access", { ...vars, OPEND_URL, ...PUBLIC_OPTION });
    expect(found).toMatchObject({
      exit: 0,
      status: "warning",
      message:
        "hazard: OpenD's port is open at a public address, without encryption (ws://) and without Access",
      advice: expect.stringContaining(
        "Set websocket_ip to 127.0.0.1 and use a Cloudflare Tunnel with Access",
      ),
    });
  });

  it("warns of a service token that is sent as plain text", async () => {
    const { vars } = await start({ accessClientSecret: SECRETS.access });
    const access = { OPEND_ACCESS_CLIENT_ID: "id.access", OPEND_ACCESS_CLIENT_SECRET: SECRETS.access };
    const OPEND_URL = onLocalhost(vars.OPEND_URL ?? "");
    const found = await checkOf("opend access", { ...vars, ...access, OPEND_URL, ...PUBLIC_OPTION });
    expect(found).toMatchObject({ exit: 0, status: "warning" });
    expect(found.message).toContain("sent without encryption (ws://)");
  });

  it.each([
    ["without Access", {}],
    ["with Access", { OPEND_ACCESS_CLIENT_ID: "id.access", OPEND_ACCESS_CLIENT_SECRET: SECRETS.access }],
  ])("fails before it sends the RSA key as plain text, %s", async (_, access) => {
    const { opend, vars } = await start({ rsaPrivateKey: PRIVATE_KEY.trim() });
    const changes = {
      ...access,
      OPEND_RSA_PRIVATE_KEY: PRIVATE_KEY,
      OPEND_URL: onLocalhost(vars.OPEND_URL ?? ""),
    };
    const found = await checkOf("opend access", { ...vars, ...changes, ...PUBLIC_OPTION });
    expect(found).toMatchObject({
      exit: 34,
      status: "failed",
      message: expect.stringContaining(
        "OPEND_RSA_PRIVATE_KEY itself would cross the internet without encryption",
      ),
      advice: expect.stringContaining("create a new RSA key"),
    });
    expect(opend.stats().logins).toEqual([]);
  });

  it("does not warn if its address is private", async () => {
    const { vars } = await start();
    const found = await checkOf("opend access", vars);
    expect(found).toMatchObject({ exit: 0, status: "ok", message: "no service token required" });
  });
});

describe.concurrent("doctor on an account with rights for one market", () => {
  it("calls a US stock with a permit before it fails, and warns", async () => {
    const { opend, upstash, vars } = await start({ deniedMarket: "HK" });
    const found = await checkOf("opend call", vars);
    expect(found).toMatchObject({
      exit: 0,
      status: "warning",
      message:
        'US only: Qot_GetShortInterest (3249) returned 50 rows of US.AAPL, but no permission for HK.00700; OpenD: "无权限获取该行情" (retType -1)',
    });
    expect(found.advice).toContain("opend_no_permission");
    expect(opend.stats().calls).toBe(2);
    expect(await readPermits(upstash.redis.call)).toHaveLength(2);
  });

  it("fails if it has rights for neither", async () => {
    const { opend, vars } = await start({ fault: "no permission" });
    const found = await checkOf("opend call", vars);
    expect(found).toMatchObject({ exit: 37, status: "failed" });
    expect(found.message).toMatch(/^HK\.00700: .*; US\.AAPL: .*无权限获取该行情/);
    expect(opend.stats().calls).toBe(2);
  });
});

describe.concurrent("doctor on other situations", () => {
  it.each([
    [120, "ahead of"],
    [-120, "behind"],
  ])("warns if OpenD's clock is off by %i s", async (clockAheadS, words) => {
    const { vars } = await start({ clockAheadS });
    const found = await checkOf("opend clock", vars);
    expect(found).toMatchObject({ exit: 0, status: "warning", advice: expect.stringContaining("NTP") });
    expect(found.message).toContain(`s ${words} this machine's clock`);
  });

  it("shows an unknown refusal without its control characters and without keys", async () => {
    const { vars } = await start({ refusal: `no\u001b[31m such \n thing ${SECRETS.OPEND_KEY}` });
    const found = await checkOf("opend call", vars);
    expect(found).toMatchObject({ exit: 37, status: "failed" });
    expect(found.message).toMatch(/; OpenD: "no\[31m such {2}thing \[redacted\]" \(retType -1\)$/);
  });

  it("warns if a stock has no rows", async () => {
    const { vars } = await start({
      wrongReplies: [{ symbol: "HK.00700", reply: "empty", missing: 0, times: 1 }],
    });
    expect(await checkOf("opend call", vars)).toMatchObject({ exit: 0, status: "warning" });
  });

  it("lets the service make no call for a window after OpenD refused one because of the frequency", async () => {
    const { upstash, vars } = await start({ limit: 0 });
    expect(await checkOf("opend call", vars)).toMatchObject({ exit: 37 });
    expect(await checkOf("opend call", vars)).toMatchObject({ exit: 0, status: "skipped" });
    expect(await readPermits(upstash.redis.call)).not.toEqual([]);
  });
});
