import { describe, expect, it, vi } from "vitest";
import { runPoller } from "../../functions/webhooks/jobs.ts";
import { TestClient } from "../opend-server/support.ts";
import { logLines } from "../support/log.ts";
import { startService } from "../support/service.ts";
import { sha256 } from "../support/sha256.ts";
import { startWebhookService } from "../support/webhook-service.ts";

const lines = () => logLines().map((line): Record<string, unknown> => JSON.parse(line));
const lastLine = () => lines().at(-1);

const PATH = "/v1/short-interest/US.AAPL";

describe("the log has one line for a request", () => {
  it("that OpenD is asked for, with milliseconds for each step", async () => {
    const service = await startService();
    const response = await service.get(PATH);
    expect(lines()).toEqual([
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
          store: expect.any(Number),
          limit: expect.any(Number),
          connect: expect.any(Number),
          call: expect.any(Number),
          total: expect.any(Number),
        },
      },
    ]);
  });

  it("that is answered at the edge, or elsewhere from the shared copy", async () => {
    const service = await startService();
    await service.get(PATH);
    await service.get(PATH);
    expect(lastLine()).toMatchObject({ pages: { edge: 1 }, calls: 0 });
    await service.getFromOtherDataCenter(PATH);
    await vi.waitFor(() => expect(lastLine()).toMatchObject({ pages: { shared: 1 }, calls: 0 }));
  });

  it("that fails, with the code and what it is counted as", async () => {
    const service = await startService({ fault: "no permission" });
    await service.get(PATH);
    expect(lastLine()).toMatchObject({
      status: 502,
      code: "opend_no_permission",
      failed: { opend_no_permission: 1 },
      fetch_failures: { opend_no_permission: 1 },
      calls: 1,
    });
  });

  it("for many symbols, of which some fail", async () => {
    const service = await startService();
    await service.get("/v1/short-interest?symbols=US.AAPL,hk.700,US.NOSUCH");
    expect(lastLine()).toMatchObject({
      route: "GET /v1/short-interest",
      status: 200,
      symbols: ["US.AAPL", "HK.00700", "US.NOSUCH"],
      pages: { opend: 2 },
      failed: { unknown_symbol: 1 },
      calls: 3,
    });
    expect(lastLine()).not.toHaveProperty("fetch_failures");
  });

  it("for a history, once it has been read to its end", async () => {
    const service = await startService();
    const response = await service.stream("/v1/short-interest/US.ROWS120/history");
    expect(lines()).toEqual([]);
    await response.text();
    await vi.waitFor(() => {
      expect(lines()).toMatchObject([{ pages: { opend: 3 }, calls: 3, status: 200 }]);
    });
  });

  it("for a history that nobody reads on", async () => {
    const service = await startService();
    const response = await service.stream("/v1/short-interest/US.ROWS120/history");
    const reader = response.body?.getReader();
    await reader?.read();
    await reader?.cancel();
    await vi.waitFor(() => expect(lines()).toMatchObject([{ pages: { opend: 1 } }]));
  });

  it.each([
    ["/nothing/here?key=secret", "GET /*", "not_found", 404],
    ["/v1/short-interest/x", "GET /v1/short-interest/:symbol", "invalid_symbol", 400],
    ["/healthz", "GET /healthz", undefined, 200],
  ])("to %s", async (path, route, code, status) => {
    await (await startService()).get(path);
    const [line] = lines();
    expect([line?.route, line?.code, line?.status]).toEqual([route, code, status]);
    expect(line).not.toHaveProperty("symbols");
  });

  it("with a method that there is not", async () => {
    await (await startService()).get(PATH, { method: "PUT" });
    expect(lines()).toMatchObject([{ status: 405, code: "method_not_allowed", route: `PUT ${PATTERN}` }]);
  });

  it("over OpenD's own protocol, after the one that opened the connection", async () => {
    const service = await startService();
    const { webSocket } = await service.connect();
    if (!webSocket) throw new Error("not a WebSocket");
    const client = new TestClient(webSocket);
    await client.logIn();
    await client.reply(client.sendCall("AAPL"));
    await client.reply(client.sendCall("NOSUCH"));
    await vi.waitFor(() => {
      expect(lines()).toMatchObject([
        { route: "GET /", status: 101 },
        { route: "Qot_GetShortInterest", symbols: ["US.AAPL"], pages: { opend: 1 }, calls: 1 },
        { route: "Qot_GetShortInterest", symbols: ["US.NOSUCH"], code: "unknown_symbol" },
      ]);
    });
    expect(new Set(lines().map(({ request }) => request)).size).toBe(1);
  });

  it("for a run of the watch", async () => {
    const service = await startWebhookService();
    await service.subscribe();
    await runPoller(service.env);
    expect(lastLine()).toMatchObject({
      route: "poller",
      symbols: ["US.AAPL"],
      pages: { opend: 1 },
      calls: 1,
      ms: { total: expect.any(Number) },
    });
  });
});

const PATTERN = "/v1/short-interest/:symbol";

describe("the log", () => {
  it("has the name of a key, and neither keys nor addresses nor what stands in a URL", async () => {
    const key = "si_top-secret";
    const address = "203.0.113.77";
    const headers = { "X-API-Key": key, "CF-Connecting-IP": address };
    const keyed = await startService({ key: "opend-secret" }, { API_KEYS: `app:${await sha256(key)}` });
    for (const path of [PATH, `${PATH}?api_key=${key}`, `/v1/${key}`]) await keyed.get(path, { headers });
    await keyed.get(PATH, { headers: { "X-API-Key": "si_guessed" } });
    expect(lines().map((line) => line.key)).toEqual(["app", "app", "app", undefined]);

    const open = await startService();
    for (const at of [address, "2001:db8:1:2::5"]) {
      await open.get(PATH, { headers: { "CF-Connecting-IP": at } });
    }
    const secrets = [key, address, "2001:db8", "si_guessed", "opend-secret", "stand-in", "127.0.0.1"];
    for (const secret of secrets) expect(logLines().join("\n")).not.toContain(secret);
  });

  it("has faults of the configuration as errors", async () => {
    const error = vi.spyOn(console, "error").mockImplementation(() => undefined);
    await (await startService({}, { OPEND_URL: "ftp://secret" })).get(PATH);
    expect(logLines()).toEqual([]);
    const [[line] = []] = error.mock.calls;
    expect(JSON.parse(String(line))).toMatchObject({ status: 500, code: "misconfigured" });
    expect(line).not.toContain("secret");
  });
});
