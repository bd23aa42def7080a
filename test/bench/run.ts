import { readFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { object, parse, string } from "valibot";
import { startRedis } from "../stand-ins/redis.ts";
import { formatDuration, print, startProgress } from "../support/progress.ts";
import { benchBundle } from "./bundle.ts";
import { benchKept } from "./cached.ts";
import { benchCold } from "./cold.ts";
import { benchGuessing } from "./guessing.ts";
import { benchHistory } from "./history.ts";
import { benchLimit } from "./limit.ts";
import { benchLimiter } from "./limiter.ts";
import { benchPopularity } from "./popularity.ts";
import { benchRender } from "./render.ts";
import { Report } from "./report.ts";
import { benchTrips } from "./round-trips.ts";
import { benchSockets } from "./sockets.ts";
import { benchWasted } from "./wasted.ts";
import { benchWorkers } from "./workers.ts";

/** `npm run bench` runs all and writes `BENCHMARKS.md`. `npm run bench -- kept cold` runs some, and writes no file. */
const BENCHES: Readonly<Record<string, readonly [title: string, (report: Report) => Promise<void>]>> = {
  cached: ["a kept page, and an empty Worker that only looks into the cache", benchKept],
  cold: ["a cold page, and the official client's connect, login and call", benchCold],
  render: ["from OpenD's bytes to JSON text, and the same with protobufjs", benchRender],
  limiter: ["the limiter at saturation, and the algorithms of @upstash/ratelimit", benchLimiter],
  workers: ["calls to OpenD, by the number of Workers", benchWorkers],
  bundle: ["the Worker's script", benchBundle],
  trips: ["round trips to Upstash for a page", benchTrips],
  popularity: ["a week of requests, on a virtual clock", benchPopularity],
  guessing: ["one caller guesses symbols, and another is there too", benchGuessing],
  wasted: ["five minutes of invented cursors, and the next pages of known symbols", benchWasted],
  history: ["histories of 100 and 1,000 rows, of one security each", benchHistory],
  sockets: ["many of OpenD's own clients at once", benchSockets],
  limit: ["the limit, through the whole Worker", benchLimit],
};

const INTRO = `\`npm run bench\` writes this file. One run measures everything. Compared programs take turns, so that drift of the
machine affects both. Nothing runs on Cloudflare's network, so trust the ratios more than the figures.`;

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in BENCHES));
if (unknown.length > 0) {
  console.error(`unknown bench: ${unknown.join(", ")}; known are ${Object.keys(BENCHES).join(", ")}`);
  process.exit(1);
}

const about = await surroundings();
print(`${Array.from(about, ([name, value]) => `${name}: ${value}`).join("\n")}\n`);
const report = new Report();
const chosen = Object.entries(BENCHES).filter(([name]) => wanted.length === 0 || wanted.includes(name));
const began = Date.now();
for (const [at, [name, [title, bench]]] of chosen.entries()) {
  const benchBegan = Date.now();
  const stopProgress = startProgress(() => {
    const [all, own] = [formatDuration(Date.now() - began), formatDuration(Date.now() - benchBegan)];
    return `${all}  bench ${at + 1} of ${chosen.length}: ${name}, for ${own}`;
  });
  report.begin(title);
  try {
    await bench(report);
  } catch (thrown) {
    report.broken(String(thrown));
    console.error(thrown);
  }
  stopProgress();
  print();
}
if (wanted.length === 0) await report.write("BENCHMARKS.md", INTRO, about);
// A bench that failed may have left processes running.
process.exit();

async function surroundings(): Promise<Map<string, string>> {
  const redis = await startRedis();
  await redis.close();
  return new Map([
    ["date", new Date().toISOString().slice(0, 10)],
    ["processors", `${cpus().length} × ${cpus()[0]?.model ?? "unknown"}`],
    ["memory", `${Math.round(totalmem() / 2 ** 30)} GiB`],
    ["system", `${process.platform} ${release()}`],
    ["Node", process.version],
    ...["workerd", "wrangler", "futu-api", "protobufjs", "@upstash/ratelimit"].map(
      (name): [string, string] => [name, versionOf(name)],
    ),
    ["Redis", redis.kind],
  ]);
}

function versionOf(name: string): string {
  const text = readFileSync(`node_modules/${name}/package.json`, "utf8");
  return parse(object({ version: string() }), JSON.parse(text)).version;
}
