import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const SCREENSHOTS = "test/browser/screenshots";

/** @param options.hasScrollBars makes scroll bars take up space, as on most desktop computers */
export async function startBrowser({
  hasScrollBars = false,
  args = [],
}: {
  hasScrollBars?: boolean;
  args?: string[];
} = {}): Promise<Browser> {
  if (!existsSync(CHROMIUM)) {
    throw new Error(`${CHROMIUM} does not exist: install Chromium, or set CHROMIUM to its path`);
  }
  const ignoreDefaultArgs = hasScrollBars ? ["--hide-scrollbars"] : [];
  return chromium.launch({ executablePath: CHROMIUM, args, ignoreDefaultArgs });
}

/** A page in a new browser profile, with its requests and errors. */
export interface Visit {
  readonly page: Page;
  readonly requests: readonly string[];
  /** Errors on the console, and uncaught ones. Violations of the Content-Security-Policy are among them. */
  readonly consoleErrors: readonly string[];
  /** Writes a PNG to `test/browser/screenshots`: of the whole page, or of the window. */
  readonly screenshot: (name: string, part?: "page" | "window") => Promise<unknown>;
  readonly close: () => Promise<void>;
}

export async function visit(browser: Browser, options: BrowserContextOptions = {}): Promise<Visit> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  // Shorter than the timeout of a test, so that a failure names the locator.
  page.setDefaultTimeout(10_000);
  const requests: string[] = [];
  const consoleErrors: string[] = [];
  page.on("request", (request) => requests.push(request.url()));
  page.on("console", (message) => message.type() === "error" && consoleErrors.push(message.text()));
  page.on("pageerror", (error) => consoleErrors.push(error.message));
  return {
    page,
    requests,
    consoleErrors,
    async screenshot(name, part = "page") {
      await mkdir(SCREENSHOTS, { recursive: true });
      await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: part === "page" });
    },
    close: () => context.close(),
  };
}
