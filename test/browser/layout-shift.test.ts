import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MAX_LAYOUT_SHIFT } from "../lighthouse/thresholds.ts";
import { startBrowser, visit } from "../support/browser.ts";
import { cumulativeShift, recordShifts, shiftsOf } from "../support/layout-shift.ts";
import { type LocalService, startLocalService } from "../support/local-service.ts";

/** Layout shifts while a page loads, with scroll bars that take up space and with those that do not. */

const DESKTOP = { viewport: { width: 1_350, height: 940 } };
const NARROW = { viewport: { width: 390, height: 844 } };
const PHONE = { ...NARROW, isMobile: true, hasTouch: true, deviceScaleFactor: 2 };

const PAINTS = "performance.getEntriesByName('first-contentful-paint').length";

let service: LocalService;

beforeAll(async () => {
  service = await startLocalService({}, { CLIENT_SHARE: "30" });
}, 60_000);

afterAll(() => service?.close());

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
    it.each(["/", "/?symbol=HK.00700", "/?symbol=US.AAPL", "/?symbol=US.NOSUCH", "/docs"])(
      "layout of %s shifts by at most 0.05",
      async (path) => {
        const { page, close } = await visit(browser, options);
        await recordShifts(page);
        // The worst case: data that arrives after the first paint.
        await page.route("**/v1/**", async (route) => {
          await expect.poll(() => page.evaluate(PAINTS), { timeout: 10_000 }).toBe(1);
          await route.continue();
        });
        await page.goto(service.origin + path, { waitUntil: "networkidle", timeout: 25_000 });
        const shifts = await shiftsOf(page);
        await close();
        const largest = JSON.stringify(shifts.filter(({ value }) => value > MAX_LAYOUT_SHIFT / 10));
        expect(cumulativeShift(shifts), largest).toBeLessThanOrEqual(MAX_LAYOUT_SHIFT);
      },
    );
  });
});
