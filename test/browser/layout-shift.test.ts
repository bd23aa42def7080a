import type { Browser, Route } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MAX_LAYOUT_SHIFT } from "../lighthouse/thresholds.ts";
import { startBrowser, visit } from "../support/browser.ts";
import { cumulativeShift, recordShifts, shiftsOf } from "../support/layout-shift.ts";
import { type LocalService, startLocalService } from "../support/local-service.ts";
import { API_KEYS } from "../support/webhook-maker.ts";

/** Layout shifts while a page loads, with scroll bars that take up space and with those that do not. */

const DESKTOP = { viewport: { width: 1_350, height: 940 } };
const NARROW = { viewport: { width: 390, height: 844 } };
const PHONE = { ...NARROW, isMobile: true, hasTouch: true, deviceScaleFactor: 2 };

const PAINTS = "performance.getEntriesByName('first-contentful-paint').length";

let service: LocalService;
let keyed: LocalService;

beforeAll(async () => {
  service = await startLocalService({}, { CLIENT_SHARE: "30" });
  keyed = await startLocalService({}, { API_KEYS });
}, 60_000);

afterAll(async () => {
  await service?.close();
  await keyed?.close();
});

describe.each([
  ["visible", true],
  ["hidden", false],
] as const)("with %s scroll bars", (_, hasScrollBars) => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await startBrowser({ hasScrollBars });
  });

  afterAll(() => browser?.close());

  describe.each([
    ["desktop", DESKTOP],
    ["390 px", NARROW],
    ["phone", PHONE],
  ] as const)("%s", (_, options) => {
    /** The worst case: answers that arrive after the first paint. */
    async function largestShift(address: string, answer: (route: Route) => Promise<void>, text?: string) {
      const { page, close } = await visit(browser, options);
      await recordShifts(page);
      await page.route("**/v1/**", async (route) => {
        await expect.poll(() => page.evaluate(PAINTS), { timeout: 10_000 }).toBe(1);
        await answer(route);
      });
      await page.goto(address, { waitUntil: "networkidle", timeout: 25_000 });
      if (text !== undefined) await page.getByText(text).waitFor();
      const shifts = await shiftsOf(page);
      await close();
      const largest = JSON.stringify(shifts.filter(({ value }) => value > MAX_LAYOUT_SHIFT / 10));
      return { shift: cumulativeShift(shifts), largest };
    }

    it("start page with the key form shifts by at most 0.05", async () => {
      const text = "This service requires an API key.";
      const { shift, largest } = await largestShift(keyed.origin, (route) => route.continue(), text);
      expect(shift, largest).toBeLessThanOrEqual(MAX_LAYOUT_SHIFT);
    });

    it.each([{ "Retry-After": "30" }, {}])(
      "start page with a 429 and %j shifts by at most 0.05",
      async (headers) => {
        const refusal = { status: 429, headers, body: '{"code":"too_many_requests"}' };
        const text = "Too many requests.";
        const { shift, largest } = await largestShift(
          service.origin,
          (route) => route.fulfill(refusal),
          text,
        );
        expect(shift, largest).toBeLessThanOrEqual(MAX_LAYOUT_SHIFT);
      },
    );

    it.each(["/", "/?symbol=HK.00700", "/?symbol=US.AAPL", "/?symbol=US.NOSUCH", "/docs"])(
      "layout of %s shifts by at most 0.05",
      async (path) => {
        const { shift, largest } = await largestShift(service.origin + path, (route) => route.continue());
        expect(shift, largest).toBeLessThanOrEqual(MAX_LAYOUT_SHIFT);
      },
    );
  });
});
