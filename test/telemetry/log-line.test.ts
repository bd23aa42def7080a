import { describe, expect, it, vi } from "vitest";
import { runPoller } from "../../functions/webhooks/jobs.ts";
import { TestClient } from "../opend-server/support.ts";
import { logLines } from "../support/log.ts";
import { startService } from "../support/service.ts";
import { sha256 } from "../support/sha256.ts";
import { startWebhookService } from "../support/webhook-service.ts";

const logEntries = () => logLines().map((line): Record<string, unknown> => JSON.parse(line));
const lastEntry = () => logEntries().at(-1);

const PATH = "/v1/short-interest/US.AAPL";

describe("log line", () => {
  it("of a request with a call to OpenD has the milliseconds of each phase", async () => {
    const service = await startService();
    const response = await service.get(PATH);
    expect(logEntries()).toEqual([
      {
        route: "GET /v1/short-interest/:symbol",
        status: 200,
        request_id: response.headers.get("X-Request-Id"),
        symbols: ["US.AAPL"],
        pages: { opend: 1 },
        calls: 1,
        subrequests: expect.any(Number),
        ms: {
          edge: expect.any(Number),
          shared: expect.any(Number),
          limit: expect.any(Number),
          connect: expect.any(Number),
          call: expect.any(Number),
          total: expect.any(Number),
        },
      },
    ]);
  });

  it("of a request has the cache tier of each page", async () => {
    const service = await startService();
    await service.get(PATH);
    await service.get(PATH);
    expect(lastEntry()).toMatchObject({ pages: { edge: 1 }, calls: 0 });
    await service.getFromOtherDataCenter(PATH);
    await vi.waitFor(() => expect(lastEntry()).toMatchObject({ pages: { shared: 1 }, calls: 0 }));
  });

  it("of a failed request has the code, and the failure of the fetch", async () => {
    const service = await startService({ fault: "no permission" });
    await service.get(PATH);
    expect(lastEntry()).toMatchObject({
      status: 502,
      code: "opend_no_permission",
      failed: { opend_no_permission: 1 },
      fetch_failures: { opend_no_permission: 1 },
      calls: 1,
    });
  });

  it("of a batch has its symbols, and failures by code", async () => {
    const service = await startService();
    await service.get("/v1/short-interest?symbols=US.AAPL,hk.700,US.NOSUCH");
    expect(lastEntry()).toMatchObject({
      route: "GET /v1/short-interest",
      status: 200,
      symbols: ["US.AAPL", "HK.00700", "US.NOSUCH"],
      pages: { opend: 2 },
      failed: { unknown_symbol: 1 },
      calls: 3,
    });
    expect(lastEntry()).not.toHaveProperty("fetch_failures");
  });

  it("of a history is written when its body has been read", async () => {
    const service = await startService();
    const response = await service.stream("/v1/short-interest/US.ROWS120/history");
    expect(logEntries()).toEqual([]);
    await response.text();
    await vi.waitFor(() => {
      expect(logEntries()).toMatchObject([{ pages: { opend: 3 }, calls: 3, status: 200 }]);
    });
  });

  it("of a history is written when its client disconnects", async () => {
    const service = await startService();
    const response = await service.stream("/v1/short-interest/US.ROWS120/history");
    const reader = response.body?.getReader();
    await reader?.read();
    await reader?.cancel();
    await vi.waitFor(() => expect(logEntries()).toMatchObject([{ pages: { opend: 1 } }]));
  });

  it.each([
    ["/nothing/here?key=secret", "GET /*", "not_found", 404],
    ["/v1/short-interest/x", "GET /v1/short-interest/:symbol", "invalid_symbol", 400],
    ["/healthz", "GET /healthz", undefined, 200],
  ])("of a request to %s has the route %s", async (path, route, code, status) => {
    await (await startService()).get(path);
    const [line] = logEntries();
    expect([line?.route, line?.code, line?.status]).toEqual([route, code, status]);
    expect(line).not.toHaveProperty("symbols");
  });

  it("of a request with an unsupported method has a 405", async () => {
    await (await startService()).get(PATH, { method: "PUT" });
    expect(logEntries()).toMatchObject([
      { status: 405, code: "method_not_allowed", route: `PUT ${PATTERN}` },
    ]);
  });

  it("of each request over the OpenD protocol follows the line of the upgrade", async () => {
    const service = await startService();
    const { webSocket } = await service.connect();
    if (!webSocket) throw new Error("The upgrade was refused");
    const client = new TestClient(webSocket);
    await client.logIn();
    await client.reply(client.sendCall("AAPL"));
    await client.reply(client.sendCall("NOSUCH"));
    await vi.waitFor(() => {
      expect(logEntries()).toMatchObject([
        { route: "GET /", status: 101 },
        { route: "Qot_GetShortInterest", symbols: ["US.AAPL"], pages: { opend: 1 }, calls: 1 },
        { route: "Qot_GetShortInterest", symbols: ["US.NOSUCH"], code: "unknown_symbol" },
      ]);
    });
    expect(new Set(logEntries().map(({ request_id }) => request_id)).size).toBe(1);
  });

  it("of a poller run has its symbols and calls", async () => {
    const service = await startWebhookService();
    await service.subscribe();
    await runPoller(service.env);
    expect(lastEntry()).toMatchObject({
      route: "poller",
      symbols: ["US.AAPL"],
      pages: { opend: 1 },
      calls: 1,
      ms: { total: expect.any(Number) },
    });
  });
});

const PATTERN = "/v1/short-interest/:symbol";

describe("log", () => {
  it("has the names of keys, but no keys, addresses or URLs", async () => {
    const key = "si_top-secret";
    const address = "203.0.113.77";
    const headers = { "X-API-Key": key, "CF-Connecting-IP": address };
    const keyed = await startService({ key: "opend-secret" }, { API_KEYS: `app:${await sha256(key)}` });
    for (const path of [PATH, `${PATH}?api_key=${key}`, `/v1/${key}`]) await keyed.get(path, { headers });
    await keyed.get(PATH, { headers: { "X-API-Key": "si_guessed" } });
    expect(logEntries().map((line) => line.key)).toEqual(["app", "app", "app", undefined]);

    const open = await startService();
    for (const ip of [address, "2001:db8:1:2::5"]) {
      await open.get(PATH, { headers: { "CF-Connecting-IP": ip } });
    }
    const secrets = [key, address, "2001:db8", "si_guessed", "opend-secret", "stand-in", "127.0.0.1"];
    for (const secret of secrets) expect(logLines().join("\n")).not.toContain(secret);
  });

  it("reports configuration errors with console.error", async () => {
    const error = vi.spyOn(console, "error").mockImplementation(() => undefined);
    await (await startService({}, { OPEND_URL: "ftp://secret" })).get(PATH);
    expect(logLines()).toEqual([]);
    const [[line] = []] = error.mock.calls;
    expect(JSON.parse(String(line))).toMatchObject({ status: 500, code: "misconfigured" });
    expect(line).not.toContain("secret");
  });
});
