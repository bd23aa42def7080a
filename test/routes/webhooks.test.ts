import { describe, expect, it, vi } from "vitest";
import { startPostOffice } from "../support/post-office.ts";
import { verify } from "../support/verify.ts";

const read = async (response: Response) => response.json<Record<string, unknown>>();
const NEWEST = "short-interest:webhooks:newest";
const WATCH = "short-interest:webhooks:watch";

describe("a new webhook", () => {
  it("is made when its receiver answers a signed test message well, and tells its secret once", async () => {
    const office = await startPostOffice();
    const url = `${office.receiver.origin}/hook?x=1`;
    const wanted = { url, symbols: ["hk.700", "US.AAPL", "US.aapl"], description: "テスト" };
    const response = await office.ask("POST", "", wanted);
    expect(response.status).toBe(201);
    expect(response.headers.get("Cache-Control")).toBe("no-store");
    const { secret, ...made } = await read(response);
    expect(made).toEqual({
      id: expect.stringMatching(/^wh_[0-9a-f]{32}$/),
      url,
      symbols: ["HK.00700", "US.AAPL"],
      description: "テスト",
      active: true,
      reason: null,
      failing_since: null,
      created_at: expect.any(Number),
    });
    expect(response.headers.get("Location")).toBe(`/v1/webhooks/${made.id}`);
    const [message] = await office.tests();
    expect(message && verify(message, String(secret))).toMatchObject({
      type: "webhook.test",
      data: { webhook: made.id },
    });
    for (const path of ["", `/${made.id}`, `/${made.id}/deliveries`]) {
      expect(await (await office.ask("GET", path)).text()).not.toContain("whsec_");
    }
  });

  it("may have a secret that its receiver knows already", async () => {
    const office = await startPostOffice();
    const secret = `whsec_${new Uint8Array(32).fill(1).toBase64()}`;
    const response = await office.ask("POST", "", { url: office.receiver.origin, symbols: ["US.A"], secret });
    expect((await read(response)).secret).toBe(secret);
    const [message] = await office.tests();
    expect(message && verify(message, secret)).toBeTruthy();
  });

  it.each([
    [{ status: 500 }, "answered 500"],
    [{ status: 302, headers: { Location: "/" } }, "answered 302"],
    [{ status: 410 }, "answered 410"],
  ])("is not made where its receiver answers %j", async (answer, what) => {
    const office = await startPostOffice();
    await office.answerAt("/", answer);
    const response = await office.ask("POST", "", { url: office.receiver.origin, symbols: ["US.AAPL"] });
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({
      code: "unverified_endpoint",
      parameter: "url",
      detail: expect.stringContaining(what),
    });
    expect(await read(await office.ask("GET", ""))).toEqual({ items: [] });
    expect(await office.upstash.redis("EXISTS", WATCH)).toBe(0);
  });

  it("is not made where nobody listens, and what stood in the way is not said back", async () => {
    const office = await startPostOffice({}, { WEBHOOK_TRUSTED_ORIGINS: "http://127.0.0.1:1" });
    const response = await office.ask("POST", "", { url: "http://127.0.0.1:1/", symbols: ["US.AAPL"] });
    expect(await response.json()).toMatchObject({
      detail: "The receiver did not answer (unreachable) to a test message; it must answer 2xx",
    });
  });

  it("is the twentieth of a key at most, also where many are made at once", async () => {
    const office = await startPostOffice();
    let made = 0;
    const make = () => {
      made += 1;
      return office.ask("POST", "", { url: `${office.receiver.origin}/${made}`, symbols: ["US.AAPL"] });
    };
    const statuses = (await Promise.all(Array.from({ length: 25 }, make))).map(({ status }) => status);
    expect(statuses.filter((status) => status === 201).length).toBe(20);
    expect(statuses.filter((status) => status === 409).length).toBe(5);
    expect(await (await make()).json()).toMatchObject({ code: "limit_reached" });
    const { items } = await (await office.ask("GET", "")).json<{ items: { id: string }[] }>();
    expect(items.length).toBe(20);
    await office.ask("DELETE", `/${items[0]?.id}`);
    expect((await make()).status).toBe(201);
    // Another key has its own twenty.
    await office.subscribe("/", ["US.AAPL"], "yours");
  });

  it("is not made where a key has sent too many test messages", async () => {
    const limit = async ({ key }: { key: string }) => ({ success: key !== "test messages key:me" });
    const office = await startPostOffice({}, { REQUESTS_PER_CLIENT: { limit } });
    const response = await office.ask("POST", "", { url: office.receiver.origin, symbols: ["US.AAPL"] });
    expect(await response.json()).toMatchObject({ status: 429, code: "too_many_requests", retry_after: 60 });
    expect(await office.tests()).toEqual([]);
  });
});

describe("a webhook", () => {
  it("is seen, changed and deleted by its owner alone", async () => {
    const office = await startPostOffice();
    const { id } = await office.subscribe();
    const other = await office.subscribe("/yours", ["US.TSLA"], "yours");
    const asks = [
      ["GET", ""],
      ["PATCH", "", {}],
      ["DELETE", ""],
      ["POST", "/rotate"],
      ["POST", "/test"],
      ["GET", "/deliveries"],
    ] as const;
    for (const [method, path, body] of asks) {
      for (const strange of [id, "wh_00000000000000000000000000000000", "x", "%00", "wh_%20x"]) {
        const response = await office.ask(method, `/${strange}${path}`, body, "yours");
        expect(await response.json(), `${method} ${path}`).toMatchObject({ status: 404, code: "not_found" });
      }
    }
    const listed = async (key: string) =>
      (await (await office.ask("GET", "", undefined, key)).json<{ items: { id: string }[] }>()).items.map(
        (each) => each.id,
      );
    expect([await listed("mine"), await listed("yours")]).toEqual([[id], [other.id]]);
    expect((await office.tests()).length).toBe(2);
  });

  it("tells what is known of its symbols", async () => {
    const office = await startPostOffice();
    const { id } = await office.subscribe("/", ["HK.00700", "US.NOSUCH", "US.NONE"]);
    const watched = async () => (await read(await office.ask("GET", `/${id}`))).watched;
    const unknown = { newest: null, checked_at: null, problem: null };
    expect(await watched()).toEqual([
      { symbol: "HK.00700", ...unknown },
      { symbol: "US.NOSUCH", ...unknown },
      { symbol: "US.NONE", ...unknown },
    ]);
    await office.runWatch();
    expect(await watched()).toEqual([
      { symbol: "HK.00700", newest: 1777478400, checked_at: expect.any(Number), problem: null },
      { symbol: "US.NOSUCH", newest: null, checked_at: expect.any(Number), problem: "unknown_symbol" },
      { symbol: "US.NONE", newest: null, checked_at: expect.any(Number), problem: null },
    ]);
  });

  it("is changed in part, and verified where it is sent to another address", async () => {
    const office = await startPostOffice();
    const { id } = await office.subscribe("/a", ["US.AAPL", "US.TSLA"]);
    await office.runWatch();
    const change = (changes: object) => office.ask("PATCH", `/${id}`, changes);
    expect(await read(await change({ description: "x" }))).toMatchObject({
      description: "x",
      symbols: ["US.AAPL", "US.TSLA"],
      url: `${office.receiver.origin}/a`,
    });
    expect(await read(await change({ symbols: ["US.TSLA", "HK.2800"] }))).toMatchObject({
      description: "x",
      symbols: ["US.TSLA", "HK.02800"],
    });
    // What was seen of a symbol that it goes on with is not forgotten; of the other one it is.
    expect(await office.upstash.redis("HKEYS", NEWEST)).toEqual(["US.TSLA"]);
    expect(await office.upstash.redis("ZRANGE", WATCH, "0", "-1")).toEqual(["HK.02800", "US.TSLA"]);
    expect((await office.tests()).length).toBe(1);
    await office.answerAt("/b", { status: 401 });
    expect((await change({ url: `${office.receiver.origin}/b` })).status).toBe(422);
    expect(await read(await change({}))).toMatchObject({ url: `${office.receiver.origin}/a` });
    await office.answerAt("/b", {});
    expect(await read(await change({ url: `${office.receiver.origin}/b` }))).toMatchObject({
      url: `${office.receiver.origin}/b`,
    });
    expect((await office.tests()).map(({ path }) => path)).toEqual(["/a", "/b", "/b"]);
  });

  it("can be paused, and begins again where it is verified", async () => {
    const office = await startPostOffice();
    const { id } = await office.subscribe();
    await office.runWatch();
    expect(await read(await office.ask("PATCH", `/${id}`, { active: false }))).toMatchObject({
      active: false,
      reason: "paused",
    });
    expect(await office.upstash.redis("EXISTS", WATCH, NEWEST)).toBe(0);
    await office.ask("PATCH", `/${id}`, { symbols: ["US.TSLA"] });
    expect(await office.upstash.redis("EXISTS", WATCH)).toBe(0);
    expect(await read(await office.ask("PATCH", `/${id}`, { active: true }))).toMatchObject({
      active: true,
      reason: null,
    });
    expect(await office.upstash.redis("ZRANGE", WATCH, "0", "-1")).toEqual(["US.TSLA"]);
    expect((await office.tests()).length).toBe(2);
  });

  it("is changed by two at once without one undoing the other", async () => {
    const office = await startPostOffice();
    const { id } = await office.subscribe("/old");
    await office.ask("PATCH", `/${id}`, { active: false });
    await office.answerAt("/old", { afterMs: 300 });
    const before = (await office.tests()).length;
    const beginning = office.ask("PATCH", `/${id}`, { active: true });
    await vi.waitFor(async () => expect((await office.tests()).length).toBe(before + 1));
    const url = `${office.receiver.origin}/new`;
    expect((await office.ask("PATCH", `/${id}`, { url })).status).toBe(200);
    expect(await read(await beginning)).toMatchObject({ url, active: true });
  });

  it("that has ended is not said to be paused", async () => {
    const office = await startPostOffice();
    const { id } = await office.subscribe();
    await office.answerAt("/", { status: 410 });
    await office.publish();
    await office.deliver();
    expect(await read(await office.ask("PATCH", `/${id}`, { active: false }))).toMatchObject({
      reason: "gone",
    });
  });

  it("leaves nothing behind when it is deleted", async () => {
    const office = await startPostOffice();
    const { id } = await office.subscribe("/", ["US.AAPL", "HK.00700"]);
    await office.answerAt("/", { status: 500 });
    await office.publish();
    await office.deliver();
    expect((await office.ask("DELETE", `/${id}`)).status).toBe(204);
    expect((await office.ask("GET", `/${id}`)).status).toBe(404);
    await office.pass(3_600_000);
    const left = (await office.upstash.redis("KEYS", "short-interest:webhooks:*")) as string[];
    // The messages themselves leave by themselves.
    expect(left.filter((key) => !key.startsWith("short-interest:webhooks:event:"))).toEqual([]);
    for (const key of left) expect(await office.upstash.redis("PTTL", key)).toBeGreaterThan(0);
  });

  it("leaves nothing behind when it is deleted during a test", async () => {
    const office = await startPostOffice();
    const { id } = await office.subscribe();
    await office.answerAt("/", { afterMs: 300 });
    const before = (await office.tests()).length;
    const testing = office.ask("POST", `/${id}/test`);
    await vi.waitFor(async () => expect((await office.tests()).length).toBe(before + 1));
    await office.ask("DELETE", `/${id}`);
    await testing;
    expect(await office.upstash.redis("KEYS", "short-interest:webhooks:*")).toEqual([]);
  });

  it("is tested when it is wanted, and says how that went", async () => {
    const office = await startPostOffice();
    const { id, secret } = await office.subscribe();
    const test = async () => read(await office.ask("POST", `/${id}/test`));
    expect(await test()).toMatchObject({ type: "webhook.test", status: 204, error: null, next_try_at: null });
    await office.answerAt("/", { status: 503 });
    expect(await test()).toMatchObject({ status: 503 });
    for (const message of await office.tests()) verify(message, secret);
    const { items } = await read(await office.ask("GET", `/${id}/deliveries`));
    expect(items).toMatchObject([{ status: 503 }, { status: 204 }, { status: 204 }]);
  });

  it("remembers its last hundred tries", async () => {
    const office = await startPostOffice();
    const { id } = await office.subscribe();
    for (let time = 0; time < 110; time += 1) await office.ask("POST", `/${id}/test`);
    const { items } = await (await office.ask("GET", `/${id}/deliveries`)).json<{ items: unknown[] }>();
    expect(items.length).toBe(100);
  });
});
