import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
/** Where pictures of what was tested are left to be looked at. */
const PICTURES = "test/browser/screenshots";

export async function startBrowser(): Promise<Browser> {
  if (!existsSync(CHROMIUM)) {
    throw new Error(`${CHROMIUM} does not exist: install Chromium, or set CHROMIUM to where it is`);
  }
  return chromium.launch({ executablePath: CHROMIUM });
}

/** A page in a browser that has nothing of others, and what it has asked for and complained about. */
export interface Visit {
  readonly page: Page;
  readonly requests: readonly string[];
  /** Errors on the console, to which violations of the Content-Security-Policy belong. */
  readonly consoleErrors: readonly string[];
  readonly screenshot: (name: string) => Promise<unknown>;
  readonly close: () => Promise<void>;
}

export async function visit(browser: Browser, options: BrowserContextOptions = {}): Promise<Visit> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  // Shorter than the test may take, so that a failure says what was waited for.
  page.setDefaultTimeout(10_000);
  const requests: string[] = [];
  const consoleErrors: string[] = [];
  page.on("request", (request) => requests.push(request.url()));
  page.on("console", (said) => said.type() === "error" && consoleErrors.push(said.text()));
  page.on("pageerror", (error) => consoleErrors.push(error.message));
  return {
    page,
    requests,
    consoleErrors,
    async screenshot(name) {
      await mkdir(PICTURES, { recursive: true });
      await page.screenshot({ path: join(PICTURES, `${name}.png`), fullPage: true });
    },
    close: () => context.close(),
  };
}
