import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createSecretCipher } from "../../functions/webhooks/secret-cipher.ts";
import { CERTIFICATE, PRIVATE_KEY } from "../support/certificate.ts";
import { doctor, failure, report, SECRETS, SHORT_DEADLINES_OPTION } from "../support/doctor.ts";
import { type DoctorServices, expectClosed, startsDoctorServices } from "../support/doctor-services.ts";
import { PERMIT_LOG, readPermits } from "../support/permit-log.ts";

const { start, cleanups } = startsDoctorServices();

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "doctor-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const CHECKS = [
  "configuration",
  "upstash",
  "upstash latency",
  "upstash clock",
  "upstash scripts",
  "limiter",
  "webhook key",
  "opend dns",
  "opend tcp",
  "opend upgrade",
  "opend access",
  "opend key",
  "opend login",
  "opend clock",
  "opend call",
];

describe.concurrent("doctor with working services", () => {
  it("prints all checks, makes one call with a permit, and leaves no connection or key", async () => {
    const { opend, upstash, vars } = await start();
    const { code, text } = await doctor(vars);
    expect(code).toBe(0);
    const lines = text.split("\n").filter((line) => /^\S/.test(line));
    expect(lines.map((line) => line.slice(2, 18).trim())).toEqual(CHECKS);
    // A busy machine is slow to answer.
    expect(lines.map((line) => line.slice(0, 1)).join("")).toMatch(/^!✓[✓!]✓✓✓–!✓✓✓✓✓✓✓$/);
    expect(text).toContain("Qot_GetShortInterest (3249) returned 50 rows of HK.00700");
    expect(opend.stats().calls).toBe(1);
    await expectClosed(opend);
    expect(await readPermits(upstash.redis.call)).toMatchObject([{ weight: 1, client: "doctor" }]);
    expect(await upstash.redis.call("KEYS", "short-interest:doctor*")).toEqual([]);
  });

  it("prints all checks as JSON with --json", async () => {
    const { vars } = await start();
    const { checks } = await report(vars);
    expect(checks.map(({ name }) => name)).toEqual(CHECKS);
    expect(checks.find(({ name }) => name === "limiter")?.message).toContain("3 of 8 concurrent requests");
  });

  it("skips the call if the rate limit is used up", async () => {
    const { opend, upstash, vars } = await start();
    const now = Date.now() + 60_000;
    await upstash.redis.call("SET", PERMIT_LOG, `${now} another 1 me\n`);
    const { exit, checks } = await report({ ...vars, UPSTREAM_LIMIT: "1", UPSTREAM_WAIT_MS: "0" });
    expect(exit).toBe(0);
    expect(checks.at(-1)).toMatchObject({ name: "opend call", status: "skipped" });
    expect(opend.stats().calls).toBe(0);
  });
});

describe.concurrent("doctor with a fault of Upstash", () => {
  it.each([
    ["upstash", 20, () => ({ UPSTASH_REDIS_REST_TOKEN: "wrong" })],
    ["upstash", 20, () => ({ UPSTASH_REDIS_REST_URL: "http://127.0.0.1:1" })],
    ["upstash", 20, ({ upstash }: DoctorServices) => upstash.fail("500")],
    ["upstash", 20, ({ upstash }: DoctorServices) => upstash.fail("HTML")],
    ["upstash", 20, ({ upstash }: DoctorServices) => upstash.fail("nonsense")],
    ["upstash latency", 21, ({ upstash }: DoctorServices) => upstash.fail("500", 1)],
    ["upstash clock", 24, ({ upstash }: DoctorServices) => upstash.fail("500", 6)],
    ["upstash scripts", 22, ({ upstash }: DoctorServices) => upstash.fail("401", 7)],
    ["limiter", 23, ({ upstash }: DoctorServices) => upstash.fail("500", 9)],
  ])("fails check %s with exit code %i", async (name, exit, spoil) => {
    const started = await start();
    const changes = spoil(started) ?? {};
    const { opend, vars } = started;
    expect(await failure({ ...vars, ...changes })).toEqual({ exit, failed: [name] });
    // A call needs a permit from Upstash.
    expect(opend.stats().calls).toBe(0);
  });

  it("fails check upstash if Upstash does not answer in time", async () => {
    const { upstash, vars } = await start();
    upstash.fail("hang");
    expect(await failure({ ...vars, ...SHORT_DEADLINES_OPTION })).toEqual({ exit: 20, failed: ["upstash"] });
  });
});

describe.concurrent("doctor with a fault of OpenD", () => {
  it.each([
    ["opend dns", 30, {}, { OPEND_URL: "ws://opend.invalid" }],
    ["opend tcp", 31, {}, { OPEND_URL: "ws://127.0.0.1:1" }],
    ["opend upgrade", 33, { fault: "redirect" }, {}],
    ["opend access", 34, { fault: "not a WebSocket" }, {}],
    ["opend access", 34, { accessClientSecret: SECRETS.access }, {}],
    [
      "opend access",
      34,
      { accessClientSecret: SECRETS.access },
      { OPEND_ACCESS_CLIENT_ID: "id", OPEND_ACCESS_CLIENT_SECRET: "wrong" },
    ],
    ["opend key", 36, {}, { OPEND_KEY: "wrong" }],
    ["opend key", 36, {}, { OPEND_KEY: "" }],
    ["opend key", 36, { fault: "login: no body" }, {}],
    ["opend login", 35, { fault: "login: relay lost" }, {}],
    ["opend login", 35, { fault: "login: drop" }, {}],
    ["opend login", 35, { fault: "login: not protobuf" }, {}],
    ["opend login", 35, { fault: "silent after upgrade" }, SHORT_DEADLINES_OPTION],
    ["opend upgrade", 33, { fault: "hanging connect" }, SHORT_DEADLINES_OPTION],
    ["opend call", 37, { fault: "drop" }, {}],
    ["opend call", 37, { fault: "silence" }, SHORT_DEADLINES_OPTION],
    ["opend call", 37, { fault: "no permission" }, {}],
    ["opend call", 37, { fault: "frequency" }, {}],
    ["opend call", 37, { fault: "unknown stock" }, {}],
    ["opend call", 37, { fault: "wrong market" }, {}],
    ["opend call", 37, { fault: "not protobuf" }, {}],
  ])(
    "fails check %s with exit code %i for %j and %j",
    async (name, exit, options, changes: Record<string, string>) => {
      const { opend, vars } = await start(options);
      expect(await failure({ ...vars, ...changes })).toEqual({ exit, failed: [name] });
      await expectClosed(opend);
    },
  );

  it("fails check opend access if connections without the service token are accepted", async () => {
    const { opend, vars } = await start();
    const access = { OPEND_ACCESS_CLIENT_ID: "id", OPEND_ACCESS_CLIENT_SECRET: "any" };
    expect(await failure({ ...vars, ...access })).toEqual({ exit: 34, failed: ["opend access"] });
    await expectClosed(opend);
  });

  it("warns if neither a service token nor a key is required", async () => {
    const { vars } = await start({ key: "" });
    const { exit, checks } = await report({ ...vars, OPEND_KEY: "" });
    expect(exit).toBe(0);
    expect(checks).toContainEqual(expect.objectContaining({ name: "opend access", status: "warning" }));
  });

  it("passes if Access accepts the service token", async () => {
    const { vars } = await start({ accessClientSecret: SECRETS.access });
    const access = { OPEND_ACCESS_CLIENT_ID: "id", OPEND_ACCESS_CLIENT_SECRET: SECRETS.access };
    const { exit, checks } = await report({ ...vars, ...access });
    expect(exit).toBe(0);
    expect(checks).toContainEqual(
      expect.objectContaining({
        name: "opend access",
        message: "service token accepted; connections without it are refused",
      }),
    );
  });

  it("fails check opend upgrade for a port without HTTP, such as OpenD's API port", async () => {
    const { vars } = await start();
    const server = createServer((socket) => socket.once("data", () => socket.end("FT\0\0")));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    cleanups.push(() => new Promise((resolve) => server.close(resolve)));
    const OPEND_URL = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
    expect(await failure({ ...vars, OPEND_URL })).toEqual({ exit: 33, failed: ["opend upgrade"] });
  });

  it("fails check opend tls for an untrusted certificate, and passes once its authority is trusted", async () => {
    const { opend, vars } = await start();
    const to = Number(new URL(opend.url).port);
    const server = createTlsServer({ cert: CERTIFICATE, key: PRIVATE_KEY }, (socket) => {
      const other = connect(to, "127.0.0.1");
      socket.on("error", () => other.destroy()).pipe(other);
      other.on("error", () => socket.destroy()).pipe(socket);
    });
    server.on("tlsClientError", () => undefined);
    await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
    cleanups.push(() => new Promise((resolve) => server.close(resolve)));
    const secure = { ...vars, OPEND_URL: `wss://localhost:${(server.address() as AddressInfo).port}` };
    expect(await failure(secure)).toEqual({ exit: 32, failed: ["opend tls"] });
    const authority = join(directory, "authority.pem");
    await writeFile(authority, CERTIFICATE);
    expect(await failure({ ...secure, NODE_EXTRA_CA_CERTS: authority })).toEqual({ exit: 0, failed: [] });
  });
});

describe.concurrent("doctor check webhook key", () => {
  const [key, otherKey] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
  const stored = async ({ upstash }: DoctorServices) => {
    const secrets = await createSecretCipher([new Uint8Array(key)]).encrypt("wh_1", "whsec_1");
    await upstash.redis.call("HSET", "short-interest:webhooks:webhook:wh_1", "secrets", secrets);
  };
  const resultOf = async (vars: Record<string, string>) => {
    const { exit, checks } = await report(vars);
    return [exit, checks.find(({ name }) => name === "webhook key")?.status];
  };

  it("fails with exit code 25 if webhooks are stored and WEBHOOK_SECRET_KEY is not set", async () => {
    const started = await start();
    await stored(started);
    expect(await resultOf(started.vars)).toEqual([25, "failed"]);
  });

  it("passes if a key in WEBHOOK_SECRET_KEY decrypts the stored secrets", async () => {
    const started = await start();
    await stored(started);
    const keys = [otherKey, key].map((bytes) => bytes.toString("base64")).join();
    expect(await resultOf({ ...started.vars, WEBHOOK_SECRET_KEY: keys })).toEqual([0, "ok"]);
  });

  it("fails with exit code 25 if no key in WEBHOOK_SECRET_KEY decrypts the stored secrets", async () => {
    const started = await start();
    await stored(started);
    const WEBHOOK_SECRET_KEY = otherKey.toString("base64");
    expect(await resultOf({ ...started.vars, WEBHOOK_SECRET_KEY })).toEqual([25, "failed"]);
  });

  it("passes without webhooks if WEBHOOK_SECRET_KEY is set", async () => {
    const { vars } = await start();
    expect(await resultOf({ ...vars, WEBHOOK_SECRET_KEY: key.toString("base64") })).toEqual([0, "ok"]);
  });

  it("is skipped without webhooks and without WEBHOOK_SECRET_KEY", async () => {
    expect(await resultOf((await start()).vars)).toEqual([0, "skipped"]);
  });
});

describe.concurrent("doctor with invalid input", () => {
  it.each([
    [{}, "OPEND_URL is not set"],
    [{ OPEND_URL: "ws://a:hunter2@b" }, "OPEND_URL contains a user name or password"],
  ])("fails check configuration for the variables %j: %s", async (env, message) => {
    const { exit, checks } = await report(env as Record<string, string>);
    expect(exit).toBe(10);
    expect(checks).toMatchObject([{ name: "configuration", status: "failed", message }]);
    expect(JSON.stringify(checks)).not.toContain("hunter2");
  });

  it.each([["-x"], ["https://a.example", "more"], ["nonsense"], ["http://a.example"]])(
    "prints its usage for the arguments %j",
    async (...args) => {
      const { code, text } = await doctor({}, ...args);
      expect([code, text]).toEqual([
        1,
        "usage: npm run doctor -- [--json] [report | https://address-of-the-service]\n",
      ]);
    },
  );
});
