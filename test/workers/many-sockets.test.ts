import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { type LocalService, startPlainService } from "../support/local-service.ts";
import { API_KEYS, requestPages } from "../support/opend-client.ts";

let running: LocalService;

beforeAll(async () => {
  running = await startPlainService({}, { API_KEYS, CLIENT_SHARE: "30", SUBREQUEST_LIMIT: "10000" });
}, 60_000);

afterAll(() => running?.close());

it("200 connections of OpenD's protocol with 50 requests each over 20 symbols cause 20 calls", {
  timeout: 60_000,
}, async () => {
  // Fills the cache first: while the machine handles 10,000 frames, a permit takes longer than a call may wait.
  const replies = await requestPages(running.origin, 20, 20, 20);
  replies.push(...(await requestPages(running.origin, 200, 50, 20)));
  expect(replies).toHaveLength(10_400);
  const errors = replies.filter(({ retType }) => retType !== 0).map(({ retMsg }) => retMsg);
  expect(new Set(errors)).toEqual(new Set());
  expect(replies.every(({ s2c }) => s2c?.usItemList.length === 10)).toBe(true);
  const { calls, refused, maxCallsInWindow } = running.opend.stats();
  expect(calls).toBe(20);
  expect(refused).toBe(0);
  expect(maxCallsInWindow).toBeLessThanOrEqual(30);
  await vi.waitFor(() => expect(running.opend.stats().connections).toBe(0));
});
