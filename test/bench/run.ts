import { readFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { object, parse, string } from "valibot";
import { startRedis } from "../stand-ins/redis.ts";
import { formatDuration, print, startProgress } from "../support/progress.ts";
import { benchBundle } from "./bundle.ts";
import { benchCached } from "./cached.ts";
import { benchCold } from "./cold.ts";
import { benchCost } from "./cost.ts";
import { benchGuessing } from "./guessing.ts";
import { benchHistory } from "./history.ts";
import { benchInventedCursors } from "./invented-cursors.ts";
import { benchLimit } from "./limit.ts";
import { benchLimiter } from "./limiter.ts";
import { benchRender } from "./render.ts";
import { Report } from "./report.ts";
import { benchRoundTrips } from "./round-trips.ts";
import { benchSockets } from "./sockets.ts";
import { benchWeek } from "./week.ts";
import { benchWorkers } from "./workers.ts";

/**
 * `npm run bench` runs all benchmarks and writes `BENCHMARKS.md`. `npm run bench -- cached cold` runs the named
 * benchmarks and writes no file.
 */
const BENCHES: Readonly<Record<string, readonly [title: string, (report: Report) => Promise<void>]>> = {
  cached: ["cached page, compared with a minimal Worker that only reads the cache", benchCached],
  cold: ["cache miss, compared with connect, login and call of the official client", benchCold],
  render: ["OpenD reply to JSON text, compared with protobufjs", benchRender],
  limiter: ["saturated limiter, compared with the algorithms of @upstash/ratelimit", benchLimiter],
  workers: ["calls to OpenD by the number of Workers", benchWorkers],
  bundle: ["the Worker's script", benchBundle],
  "round-trips": ["requests to Upstash for a page", benchRoundTrips],
  cost: ["Redis commands of each event, and their cost", benchCost],
  week: ["a week of requests, and an outage, on a virtual clock", benchWeek],
  guessing: ["one client guesses symbols while another reads pages", benchGuessing],
  "invented-cursors": ["invented cursors, and second pages of known symbols", benchInventedCursors],
  history: ["histories of 100 and 1,000 rows", benchHistory],
  sockets: ["many connections of OpenD's protocol at once", benchSockets],
  limit: ["saturated rate limit of the whole Worker", benchLimit],
};

const INTRO = `\`npm run bench\` writes this file. One run measures everything. Compared programs take turns, so that drift of the
machine affects both. Nothing runs on Cloudflare's network, so trust the ratios more than the figures.`;

const names = process.argv.slice(2);
const unknown = names.filter((name) => !(name in BENCHES));
if (unknown.length > 0) {
  console.error(`unknown benchmark: ${unknown.join(", ")}; available: ${Object.keys(BENCHES).join(", ")}`);
  process.exit(1);
}

const environment = await readEnvironment();
print(`${Array.from(environment, ([name, value]) => `${name}: ${value}`).join("\n")}\n`);
const report = new Report();
const selected = Object.entries(BENCHES).filter(([name]) => names.length === 0 || names.includes(name));
// A benchmark may set the clock of `Date`.
const startedAt = performance.now();
for (const [index, [name, [title, bench]]] of selected.entries()) {
  const benchStartedAt = performance.now();
  const stopProgress = startProgress(() => {
    const [total, own] = [
      formatDuration(performance.now() - startedAt),
      formatDuration(performance.now() - benchStartedAt),
    ];
    return `${total}  benchmark ${index + 1} of ${selected.length}: ${name}, for ${own}`;
  });
  report.begin(title);
  try {
    await bench(report);
  } catch (thrown) {
    report.fail(String(thrown));
    console.error(thrown);
  }
  stopProgress();
  print();
}
if (names.length === 0) await report.write("BENCHMARKS.md", INTRO, environment);
// A failed benchmark may have left processes running.
process.exit();

async function readEnvironment(): Promise<Map<string, string>> {
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
