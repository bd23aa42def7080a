import type { Browser, BrowserContextOptions } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest";
import { UNLIMITED } from "../stand-ins/worker.ts";
import { startBrowser, type Visit, visit } from "./browser.ts";
import { type LocalService, startLocalService } from "./local-service.ts";

/** Starts a browser and a Worker for all tests of a file. Visits to the web UI are closed after each test. */
export function useHome() {
  let browser: Browser;
  let service: LocalService;
  let visits: Visit[] = [];

  beforeAll(async () => {
    browser = await startBrowser();
    service = await startLocalService({}, { CLIENT_SHARE: "30", UPSTREAM_WAIT_MS: "0" }, UNLIMITED);
  }, 60_000);

  afterAll(async () => {
    await browser?.close();
    await service?.close();
  });

  beforeEach(() => service.upstash.redis.call("FLUSHDB"));

  afterEach(async () => {
    service.opend.set({ fault: "", delayMs: [0, 0], limit: 1_000 });
    for (const { requests, close } of visits) {
      expect(requests.filter((url) => !/^(http:\/\/localhost:|data:|blob:)/.test(url))).toEqual([]);
      await close();
    }
    visits = [];
  });

  /** A new browser profile with an empty page. */
  async function newVisit(options: BrowserContextOptions = {}): Promise<Visit> {
    const made = await visit(browser, options);
    visits.push(made);
    return made;
  }

  return {
    service: () => service,
    newVisit,
    async open(path: string, options: BrowserContextOptions = {}, origin = service.origin): Promise<Visit> {
      const made = await newVisit(options);
      await made.page.goto(origin + path);
      return made;
    },
    /** First column of the table. */
    days: ({ page }: Visit) => page.locator("#table tbody th").allTextContents(),
    /** Waits until nothing is loading. */
    loaded: ({ page }: Visit) => page.locator("#progress").waitFor({ state: "hidden" }),
  };
}
