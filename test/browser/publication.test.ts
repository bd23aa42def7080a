import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { startBrowser, visit } from "../support/browser.ts";
import { control } from "../support/stand-ins.ts";

let browser: Browser;
let demo: ChildProcess;
const env = { ...process.env, PORT: String(await control.unusedPort()), DEV_VARS_FILE: "none" };

beforeAll(async () => {
  browser = await startBrowser();
  demo = spawn(process.execPath, ["test/stand-ins/dev.ts"], { env });
  let printed = "";
  demo.stdout?.on("data", (chunk) => (printed += chunk));
  await vi.waitFor(() => expect(printed).toContain("Press Ctrl+C"), 40_000);
}, 60_000);

afterAll(async () => {
  await browser?.close();
  demo?.kill("SIGTERM");
  if (demo) await once(demo, "exit");
});

it("a reload shows a row that npm run dev:publish has published", async () => {
  const { page, close } = await visit(browser);
  const newest = page.locator("#table tbody th").first();
  await page.goto(`http://localhost:${env.PORT}/?symbol=US.TSLA`);
  const before = await newest.textContent();
  const { stdout } = await promisify(execFile)(process.execPath, ["test/stand-ins/publish.ts", "US.TSLA"], {
    env,
  });
  const [, date] = /row of (\S+) published/.exec(stdout) ?? [];
  expect(date).not.toBe(before);
  await page.reload();
  await vi.waitFor(async () => expect(await newest.textContent()).toBe(date), 10_000);
  await close();
}, 60_000);
