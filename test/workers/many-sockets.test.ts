import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { API_KEYS, exchangeMany } from "../support/opend-client.ts";
import { type Running, startRunning } from "../support/running.ts";

let running: Running;

beforeAll(async () => {
  running = await startRunning({}, { API_KEYS, CLIENT_SHARE: "30", SUBREQUEST_LIMIT: "10000" });
}, 60_000);

afterAll(() => running?.close());

it("answers 200 connections of 50 requests each over 20 symbols with 20 calls", {
  timeout: 60_000,
}, async () => {
  // A machine that is busy with 10,000 frames takes longer for a permit than a call may wait: the pages come first.
  const replies = await exchangeMany(running.origin, 20, 20, 20);
  replies.push(...(await exchangeMany(running.origin, 200, 50, 20)));
  expect(replies).toHaveLength(10_400);
  const refused = replies.filter(({ retType }) => retType !== 0).map(({ retMsg }) => retMsg);
  expect(new Set(refused)).toEqual(new Set());
  expect(replies.every(({ s2c }) => s2c?.usItemList.length === 10)).toBe(true);
  const { calls, refused: tooMany, maxCallsInWindow } = running.opend.stats();
  expect(calls).toBe(20);
  expect(tooMany).toBe(0);
  expect(maxCallsInWindow).toBeLessThanOrEqual(30);
  await vi.waitFor(() => expect(running.opend.stats().connections).toBe(0));
});
