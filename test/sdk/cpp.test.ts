import { spawnSync } from "node:child_process";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Bridge, startBridge } from "../support/bridge.ts";
import { type LocalService, startPlainService } from "../support/local-service.ts";
import { buildOnce } from "./build.ts";
import { run } from "./run.ts";

/** A C++ program with the classes that protoc generates. The vendor's C++ SDK is in no package registry. */

// libmd has SHA-1 in the smallest package: 0.2 MB, where OpenSSL's has 12 MB. The compiler says which header is missing.
const PACKAGES = "g++ protobuf-compiler libprotobuf-dev libmd-dev";
const isInstalled = ["g++", "protoc"].every((tool) => spawnSync(tool, ["--version"]).status === 0);
if (!isInstalled) console.log(`Skipped: the C++ program needs ${PACKAGES}`);

async function compile(directory: string) {
  const messages = ["InitConnect", "Qot_Common", "Qot_GetShortInterest"].map((name) => `proto/${name}.proto`);
  await run("protoc", ["--proto_path=proto", `--cpp_out=${directory}`, ...messages]);
  const generated = (await readdir(directory)).filter((file) => file.endsWith(".cc"));
  const sources = ["test/sdk/cpp/short_interest.cpp", ...generated.map((file) => join(directory, file))];
  const program = join(directory, "short_interest");
  const libraries = ["-lprotobuf", "-lmd"];
  await run("g++", ["-std=c++17", "-Wall", `-I${directory}`, ...sources, ...libraries, "-o", program]);
}

describe.skipIf(!isInstalled)("C++ program over TCP", () => {
  let service: LocalService;
  let bridge: Bridge;
  let printPages: (...args: string[]) => Promise<string>;

  beforeAll(async () => {
    const directory = await buildOnce("cpp", compile);
    service = await startPlainService();
    bridge = await startBridge(service.origin);
    printPages = (...args) => run(join(directory, "short_interest"), [String(bridge.port), ...args]);
  });

  afterAll(async () => {
    await bridge?.close();
    await service?.close();
  });

  it("prints the documented text", async () => {
    const output = await printPages("1", "00700");
    expect(output).toMatch(/^retType: 0\n/);
    expect(output.slice(0, output.indexOf("  }\n") + 4)).toBe(`retType: 0
retMsg: ""
errCode: 0
s2c {
  hkItemList {
    timestamp: 1777478400
    timestampStr: "2026-04-30"
    closePrice: 467.8
    lastClosePrice: 479.2
    aggregatedShort: 51480638
    aggregatedShortRatio: 0.56
  }
`);
    expect(output).toContain('  }\n  nextKey: "1772121600"\n}\nretType: 0\n');
  });

  it("follows nextKey to the end of the history", async () => {
    const output = await printPages("11", "AAPL", "50");
    const dates = output.match(/(?<=timestampStr: ")[\d-]+/g) ?? [];
    expect(dates).toHaveLength(130);
    expect(dates).toEqual([...new Set(dates)].sort().reverse());
    expect(output).toMatch(/nextKey: "-1"\n}\n$/);
  });

  it("prints the failure for an unknown code", async () => {
    expect(await printPages("11", "NOSUCH")).toMatch(/^retType: -1\nretMsg: "[^"]+"\n$/);
  });
});
