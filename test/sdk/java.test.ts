import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Bridge, startBridge } from "../support/bridge.ts";
import { type LocalService, startPlainService } from "../support/local-service.ts";
import { buildOnce } from "./build.ts";
import { type RunOptions, run } from "./run.ts";

/** The vendor's Java SDK. Its newest version in Maven Central lacks command 3249, so `java/` adds it. */

const isInstalled = ["mvn", "javac"].every((tool) => spawnSync(tool, ["--version"]).status === 0);
if (!isInstalled) console.log("Skipped: the Java SDK needs default-jdk-headless maven");

// The pom writes to the same folder.
const compile = () => run("mvn", ["-q", "-B", "-f", "test/sdk/java/pom.xml", "compile"]);

interface Response {
  readonly retType: number;
  readonly retMsg: string;
  readonly s2c?: {
    readonly hkItemList?: readonly object[];
    readonly usItemList?: readonly { readonly timestampStr: string }[];
    readonly nextKey: string;
  };
}

/** The JSON that the vendor's example prints; undefined while it is incomplete. */
function receivedIn(output: string): Response | undefined {
  try {
    return JSON.parse(/(?<=^Receive QotGetShortInterest: )\{.*\}/ms.exec(output)?.[0] ?? "");
  } catch {
    return undefined;
  }
}

describe.skipIf(!isInstalled)("the vendor's Java SDK over TCP", () => {
  let service: LocalService;
  let bridge: Bridge;
  let runJava: (args: readonly string[], options?: RunOptions) => Promise<string>;
  let pagesOf: (market: number, code: string) => Promise<Response[]>;

  beforeAll(async () => {
    const directory = await buildOnce("java", compile);
    service = await startPlainService();
    bridge = await startBridge(service.origin);
    // One compiler stage: such a short program does not pay for the second.
    const flags = ["-XX:TieredStopAtLevel=1", `-Dport=${bridge.port}`];
    const classPath = `${directory}/classes:${directory}/dependency/*`;
    runJava = (args, options) => run("java", [...flags, "-cp", classPath, ...args], options);
    pagesOf = async (market, code) => {
      const output = await runJava(["Pages", String(market), code]);
      return output
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line));
    };
  });

  afterAll(async () => {
    await bridge?.close();
    await service?.close();
  });

  it("prints the documented page with the vendor's example", async () => {
    // The example does not end.
    const output = await runJava(["QotDemo"], { isComplete: (text) => receivedIn(text) !== undefined });
    expect(output).toMatch(
      /^Qot onInitConnect: ret=true desc= connID=[1-9]\d*\nSend QotGetShortInterest: 2\n/,
    );
    const { s2c, ...rest } = receivedIn(output) ?? {};
    expect(rest).toEqual({ retType: 0, retMsg: "", errCode: 0 });
    expect(s2c?.hkItemList).toHaveLength(10);
    expect(s2c?.hkItemList?.[0]).toEqual({
      timestamp: "1777478400",
      timestampStr: "2026-04-30",
      closePrice: 467.8,
      lastClosePrice: 479.2,
      aggregatedShort: "51480638",
      aggregatedShortRatio: 0.56,
    });
    expect(s2c?.nextKey).toBe("1772121600");
  });

  it("follows nextKey to the end of the history", async () => {
    const pages = await pagesOf(11, "AAPL");
    expect(pages.map(({ s2c }) => s2c?.usItemList?.length)).toEqual([50, 50, 30]);
    const dates = pages.flatMap(({ s2c }) => s2c?.usItemList?.map(({ timestampStr }) => timestampStr) ?? []);
    expect(dates).toEqual([...new Set(dates)].sort().reverse());
    expect(pages.at(-1)?.s2c?.nextKey).toBe("-1");
  });

  it("receives the failure for an unknown code", async () => {
    expect(await pagesOf(11, "NOSUCH")).toEqual([{ retType: -1, retMsg: expect.stringMatching(/./) }]);
  });
});
