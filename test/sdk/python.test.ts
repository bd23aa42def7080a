import { createHash, generateKeyPairSync } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startBridge } from "../support/bridge.ts";
import { startPlainService } from "../support/local-service.ts";
import { BRANDS, hasPython, installPackage, temporaryHome } from "./python-environment.ts";
import { cellsOf, documentedCells, outputUntil, programOf, runChecks, runPython } from "./python-programs.ts";

/** The vendor's Python packages, unmodified, through the bridge and the Worker. */

const KEY = "7522027ccf5a06b1";
const API_KEYS = `me:${createHash("sha256").update(KEY).digest("hex")}`;
/** More calls than the tests make. */
const MANY_CALLS = { CLIENT_SHARE: "30", UPSTREAM_WINDOW_SECONDS: "1", SUBREQUEST_LIMIT: "10000" };

const isInstalled = hasPython() !== undefined;
if (!isInstalled)
  console.warn("python3 is not installed: the tests of the vendor's Python packages are skipped");

/** Stops what the tests started, in reverse order. */
const closers: (() => Promise<void>)[] = [];
const closeLater = <Started extends { close: () => Promise<void> }>(started: Started): Started => {
  closers.unshift(started.close);
  return started;
};

let home: Awaited<ReturnType<typeof temporaryHome>>;
let service: Awaited<ReturnType<typeof startPlainService>>;
let port: number;

/** Starts a bridge at the vendor's port, or at another one if a program listens there. */
async function bridgeAt11111(origin: string): Promise<number> {
  const options = { apiKey: KEY };
  const bridge = startBridge(origin, { ...options, port: 11_111 }).catch(() => startBridge(origin, options));
  return closeLater(await bridge).port;
}

/** Caches a page of a security whose rows lack values. */
async function cacheIncompleteRows(): Promise<void> {
  service.opend.set({ missingFields: ["aggregatedShort", "closePrice"] });
  const page = `${service.origin}/v1/short-interest/HK.09988?num=50`;
  expect((await fetch(page, { headers: { "X-API-Key": KEY } })).status).toBe(200);
  service.opend.set({ missingFields: [] });
}

describe.skipIf(!hasPython())("Python", () => {
  beforeAll(async () => {
    home = await temporaryHome();
    const { privateKey } = generateKeyPairSync("rsa", {
      modulusLength: 1_024,
      privateKeyEncoding: { type: "pkcs1", format: "pem" },
      publicKeyEncoding: { type: "pkcs1", format: "pem" },
    });
    await writeFile(join(home.env.HOME, "conn_key.txt"), privateKey);
    service = closeLater(await startPlainService({ limit: 1_000 }, { API_KEYS, ...MANY_CALLS }));
    port = await bridgeAt11111(service.origin);
    await cacheIncompleteRows();
  });

  afterAll(async () => {
    for (const close of closers) await close();
    await home?.remove();
  });

  describe.each(BRANDS)("%s-api", (brand) => {
    let python: string;
    let outcomes: Awaited<ReturnType<typeof runChecks>>;

    beforeAll(async () => {
      python = await installPackage(brand);
      const names = ["paging", "us_security", "unknown_code", "global_state", "many_connections"];
      const comparisons = ["equal_frames", "equal_errors", "different_errors", "joined_history"];
      const args = [brand, String(port), service.origin, KEY];
      outcomes = await runChecks(python, args, [...names, ...comparisons], home.env);
    });

    it("the vendor's example prints the documented table", async () => {
      const printed = await runPython(python, ["-c", programOf("example", brand, port)], home.env);
      expect(documentedCells()).toHaveLength(11);
      expect(cellsOf(printed)).toEqual(documentedCells());
    });

    it("next_key leads to the end of the history", () => {
      const rows = [50, 50, 50, 50, 50];
      const result = { rows, cursors: ["1747929600", "-1"], isNewestFirst: true };
      expect(outcomes.paging).toEqual({ result });
    });

    it("a US security has a row of the documented columns, and no Hong Kong row", () => {
      const row = {
        timestamp: 1777521600,
        timestamp_str: "2026-04-30",
        shares_short: 126541062,
        short_percent: 0.86,
        avg_daily_share_volume: 56404174,
        days_to_cover: 2.24,
        close_price: 165.04,
        last_close_price: 169.1,
      };
      expect(outcomes.us_security).toEqual({ result: [0, [row], Object.keys(row), 0] });
    });

    it("an unknown code gets an error with OpenD's text", () => {
      const result = [-1, expect.stringMatching(/^未知股票 \(/), null];
      expect(outcomes.unknown_code).toEqual({ result });
    });

    it("the global state has quotes, no trading, and no market states", () => {
      const state = { qot_logined: true, trd_logined: false, market_hk: "NONE", market_us: "NONE" };
      expect(outcomes.global_state).toEqual({ result: [0, expect.objectContaining(state)] });
    });

    it("50 connections at once get their page", () => {
      const rows = Array.from({ length: 50 }, () => 10);
      expect(outcomes.many_connections).toEqual({ result: { connections: 50, rows } });
    });

    it("frames over HTTP equal those of the package", () => {
      expect(outcomes.equal_frames).toEqual({ result: 124 });
    });

    it("frames of a history keep their types when they are joined", () => {
      const result = { rows: [50, 50, 30, 3], types: ["float64", "int64", "str"] };
      expect(outcomes.joined_history).toEqual({ result });
    });

    it("errors over HTTP equal those of the package, except for two texts", () => {
      expect(outcomes.equal_errors).toEqual({ result: [] });
      const error = (text: string) => [-1, text, null];
      expect(outcomes.different_errors).toEqual({
        result: [
          [
            error("Short interest is available for the markets 1 (HK) and 11 (US) only"),
            error("Short interest is available for the markets HK and US only"),
          ],
          [
            error("'str' object cannot be interpreted as an integer"),
            error("num must be an integer from 1 to 50"),
          ],
        ],
      });
    });

    it.each([
      ["the JSON format", "json_format", "Only the protobuf format is available, JSON is not"],
      // The package decrypts the refusal, which is not encrypted.
      ["encryption", "encryption", "Ciphertext with incorrect length"],
      ["a login encrypted by mistake", "rsa_file", "the body is encrypted"],
    ])("%s is refused", async (_, name, text) => {
      const program = programOf(name, brand, port);
      const printed = await outputUntil(/init connect fail.*\n/, python, program, home.env);
      expect(printed).toMatch(/init connect fail: conn=0\(1\) msg=/);
      expect(printed).toContain(text);
    });

    it("cached pages do not count as calls, and the 31st call in 30 s gets OpenD's text", async () => {
      const vars = { API_KEYS, CLIENT_SHARE: "30", SUBREQUEST_LIMIT: "10000" };
      const limited = closeLater(await startPlainService({ hasEmptyUnknown: true }, vars));
      const bridge = closeLater(await startBridge(limited.origin, { apiKey: KEY }));
      const args = [brand, String(bridge.port), limited.origin, KEY];
      const { many_calls } = await runChecks(python, args, ["many_calls"], home.env);
      const tooFrequent = expect.stringMatching(/频率太高，请求失败，每30秒最多30次/);
      const ok = (length: number) => Array.from({ length }, () => "ok");
      const result = { cached: ok(31), others: [...ok(29), tooFrequent], http: tooFrequent, again: "ok" };
      expect(many_calls).toEqual({ result });
      expect(limited.opend.stats()).toMatchObject({ calls: 30, refused: 0 });
    });
  });
});
