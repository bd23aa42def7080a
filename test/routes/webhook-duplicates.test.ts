import { describe, expect, it } from "vitest";
import { type PostOffice, startPostOffice } from "../support/post-office.ts";

const SYMBOLS = ["US.AAPL", "HK.00700"];

const create = (office: PostOffice, path: string, symbols: readonly string[] = SYMBOLS, key = "mine") =>
  office.ask("POST", "", { url: office.receiver.origin + path, symbols }, key);
const change = (office: PostOffice, id: string, changes: object) => office.ask("PATCH", `/${id}`, changes);
const statusesOf = async (responses: readonly Promise<Response>[]) =>
  (await Promise.all(responses)).map(({ status }) => status).toSorted();

/** The webhooks of the key, as it sees them. */
async function listed(office: PostOffice) {
  const response = await office.ask("GET", "");
  const { items } = await response.json<{ items: { id: string; url: string; symbols: string[] }[] }>();
  return items;
}

async function expectDuplicate(response: Response, id: string): Promise<void> {
  expect(await response.json()).toMatchObject({
    type: "/problems/duplicate_webhook",
    status: 409,
    code: "duplicate_webhook",
    detail: `The webhook ${id} has the same URL and symbols`,
  });
}

describe("a second webhook of a key with the same URL and symbols", () => {
  it.each([
    ["in the same order", SYMBOLS],
    ["in another order", SYMBOLS.toReversed()],
    ["in another spelling, and twice", ["hk.700", "us.aapl", "US.AAPL"]],
  ])("is refused with the symbols %s", async (_, symbols) => {
    const office = await startPostOffice();
    const { id } = await office.subscribe("/", SYMBOLS);
    await expectDuplicate(await create(office, "/", symbols), id);
    expect((await listed(office)).length).toBe(1);
  });

  it("is refused with another fragment, which no receiver sees", async () => {
    const office = await startPostOffice();
    const { id } = await office.subscribe("/hook#1", SYMBOLS);
    await expectDuplicate(await create(office, "/hook#2"), id);
    expect((await listed(office))[0]?.url).not.toContain("#");
  });

  it("that was stored before can be paused", async () => {
    const office = await startPostOffice();
    const { id } = await office.subscribe("/", SYMBOLS);
    const other = await office.subscribe("/other", SYMBOLS);
    const digests = "short-interest:webhooks:digests:key:me";
    const digest = String(await office.upstash.redis("HGET", digests, other.id));
    await office.upstash.redis("HSET", digests, id, digest);
    expect((await change(office, id, { active: false })).status).toBe(200);
  });

  it("is refused while the first one is paused", async () => {
    const office = await startPostOffice();
    const { id } = await office.subscribe("/", SYMBOLS);
    await change(office, id, { active: false });
    await expectDuplicate(await create(office, "/"), id);
  });

  it("is refused when ten requests arrive at once: one succeeds", async () => {
    const office = await startPostOffice();
    const statuses = await statusesOf(Array.from({ length: 10 }, () => create(office, "/")));
    expect(statuses).toEqual([201, ...Array.from({ length: 9 }, () => 409)]);
    expect((await listed(office)).length).toBe(1);
  });

  it("is made with another URL, other symbols, another key, and after the first one was deleted", async () => {
    const office = await startPostOffice();
    const { id } = await office.subscribe("/", SYMBOLS);
    expect((await create(office, "/other")).status).toBe(201);
    expect((await create(office, "/", ["US.AAPL"])).status).toBe(201);
    expect((await create(office, "/", [...SYMBOLS, "US.TSLA"])).status).toBe(201);
    expect((await create(office, "/", SYMBOLS, "yours")).status).toBe(201);
    expect((await office.ask("DELETE", `/${id}`)).status).toBe(204);
    expect((await create(office, "/")).status).toBe(201);
  });
});

describe("a change", () => {
  it("that would duplicate another webhook is refused, and changes nothing", async () => {
    const office = await startPostOffice();
    const first = await office.subscribe("/a", SYMBOLS);
    const otherUrl = await office.subscribe("/b", SYMBOLS);
    const otherSymbols = await office.subscribe("/a", ["US.AAPL"]);
    const other = await office.subscribe("/c", ["US.TSLA"]);
    const before = await listed(office);
    const url = `${office.receiver.origin}/a`;
    await expectDuplicate(await change(office, otherUrl.id, { url, description: "x" }), first.id);
    await expectDuplicate(
      await change(office, otherSymbols.id, { symbols: ["HK.700", "US.AAPL"], active: false }),
      first.id,
    );
    await expectDuplicate(await change(office, other.id, { url, symbols: SYMBOLS }), first.id);
    expect(await listed(office)).toEqual(before);
  });

  it("to the URL and symbols of the webhook itself succeeds", async () => {
    const office = await startPostOffice();
    const { id } = await office.subscribe("/", SYMBOLS);
    const same = { url: `${office.receiver.origin}/`, symbols: SYMBOLS.toReversed() };
    expect((await change(office, id, same)).status).toBe(200);
    expect(await listed(office)).toMatchObject([{ symbols: SYMBOLS.toReversed() }]);
    await expectDuplicate(await create(office, "/"), id);
  });

  it("frees the URL and symbols that a webhook had before", async () => {
    const office = await startPostOffice();
    const { id } = await office.subscribe("/", SYMBOLS);
    expect((await change(office, id, { symbols: ["US.TSLA"] })).status).toBe(200);
    expect((await create(office, "/")).status).toBe(201);
    expect((await change(office, id, { symbols: SYMBOLS })).status).toBe(409);
  });

  it("of four webhooks to the same URL and symbols at once succeeds for one", async () => {
    for (let round = 0; round < 5; round += 1) {
      const office = await startPostOffice();
      const made = await Promise.all(["/a", "/b", "/c", "/d"].map((path) => office.subscribe(path, SYMBOLS)));
      const url = `${office.receiver.origin}/same`;
      const statuses = await statusesOf(made.map(({ id }) => change(office, id, { url })));
      expect(statuses).toEqual([200, 409, 409, 409]);
      const urls = (await listed(office)).map((webhook) => webhook.url);
      expect(urls.filter((each) => each === url).length).toBe(1);
    }
  });

  it("of the URL and a concurrent change of the symbols do not make a duplicate together", async () => {
    for (let round = 0; round < 5; round += 1) {
      const office = await startPostOffice();
      await office.subscribe("/a", SYMBOLS);
      const { id } = await office.subscribe("/b", ["US.TSLA"]);
      const url = `${office.receiver.origin}/a`;
      const changes = [change(office, id, { url }), change(office, id, { symbols: SYMBOLS })];
      expect(await statusesOf(changes)).toEqual([200, 409]);
      const seen = (await listed(office)).map((webhook) => `${webhook.url} ${webhook.symbols.toSorted()}`);
      expect(new Set(seen).size).toBe(2);
    }
  });
});
