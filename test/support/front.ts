import type { Browser, BrowserContextOptions } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest";
import { UNLIMITED } from "../stand-ins/worker.ts";
import { startBrowser, type Visit, visit } from "./browser.ts";
import { type Running, startRunning } from "./running.ts";

/** A Worker with the page, for all tests of a file, and visits to it, which are over with each. */
export function useFront() {
  let browser: Browser;
  let running: Running;
  let visits: Visit[] = [];

  beforeAll(async () => {
    browser = await startBrowser();
    running = await startRunning({}, { CLIENT_SHARE: "30", UPSTREAM_WAIT_MS: "0" }, UNLIMITED);
  }, 60_000);

  afterAll(async () => {
    await browser?.close();
    await running?.close();
  });

  beforeEach(() => running.upstash.redis.call("FLUSHDB"));

  afterEach(async () => {
    running.opend.set({ fault: "", delayMs: [0, 0], limit: 1_000 });
    for (const each of visits) {
      expect(each.requests.filter((url) => !/^(http:\/\/localhost:|data:|blob:)/.test(url))).toEqual([]);
      await each.close();
    }
    visits = [];
  });

  /** Somebody who has never been there. */
  async function visitor(options: BrowserContextOptions = {}): Promise<Visit> {
    const made = await visit(browser, options);
    visits.push(made);
    return made;
  }

  return {
    running: () => running,
    visitor,
    /** Opens the page. */
    async open(path: string, options: BrowserContextOptions = {}, origin = running.origin): Promise<Visit> {
      const made = await visitor(options);
      await made.page.goto(origin + path);
      return made;
    },
    days: ({ page }: Visit) => page.locator("#table tbody th").allTextContents(),
    /** Until nothing is loading any more. */
    until: ({ page }: Visit) => page.locator("#progress").waitFor({ state: "hidden" }),
  };
}
