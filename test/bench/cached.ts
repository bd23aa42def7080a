import { cachePage, summaryOf } from "../../functions/page-source/cached-reply.ts";
import { readPage } from "../../functions/page-source/fetch.ts";
import { createSharedCache } from "../../functions/page-source/shared-cache.ts";
import { MAX_ROWS } from "../../functions/short-interest/page.ts";
import { parseSymbol } from "../../functions/short-interest/symbol.ts";
import { createUpstash } from "../../functions/upstash.ts";
import { startLocalWorker, UNLIMITED } from "../stand-ins/worker.ts";
import { bundledWorker, startWorkerd } from "../support/workerd.ts";
import { load, processorMs } from "./load.ts";
import { inTurns, median } from "./measure.ts";
import { filesOf, profileOf, shares } from "./profile.ts";
import type { Report } from "./report.ts";
import { API_KEYS, replyOf, WITH_KEY } from "./sample.ts";
import { type Remotes, Stage, scriptBeside } from "./stage.ts";

const TARGET = { least: 0.85 };
/** More than an isolate remembers, so that asked for in turn each is read from the cache. */
const PAGES = 600;
const PATHS = Array.from({ length: PAGES }, (_, at) => `/v1/short-interest/US.T${at}`);
const ROUNDS = 7;
const DEV_ROUNDS = 3;
const CONNECTIONS = 8;
const MOST_SHARES = 12;

type Name = "empty" | "remembered" | "cache";

/** Throughput and processor time of kept pages, beside a Worker that only looks into the cache. */
export async function benchKept(report: Report): Promise<void> {
  await using stage = new Stage();
  const remotes = await stage.remotes();
  await fillStore(remotes);
  await inWorkerd(report, stage, remotes);
  await inDevelopment(report, stage, remotes);
}

async function inWorkerd(report: Report, stage: Stage, { vars }: Remotes): Promise<void> {
  const cache = await scriptBeside("cache");
  const { originOf, pid } = stage.add(
    await startWorkerd({
      "cache-of-empty": { script: cache },
      "cache-of-main": { script: cache },
      empty: { script: await scriptBeside("empty"), cache: "cache-of-empty" },
      main: { script: await bundledWorker(), cache: "cache-of-main", vars: { ...vars, API_KEYS } },
    }),
  );
  const main = await questionsFor(originOf("main"));
  const ask = { ...main, empty: await questionFor(originOf("empty"), main) };
  const turns = await inTurns(["empty", "remembered", "cache"], ROUNDS, async (name: Name) => {
    const before = processorMs(pid);
    const ms = await load(ask[name], CONNECTIONS);
    return { ms: ms / PAGES, processor: (processorMs(pid) - before) / PAGES };
  });
  const of = (name: Name, figure: "ms" | "processor") => median(turns[name].map((turn) => turn[figure]));
  report.line("workerd alone, its cache in memory    pages/s    processor time of a page");
  for (const [name, what] of Object.entries(WHAT) as [Name, string][]) {
    report.line(
      `${what.padEnd(36)}${(1_000 / of(name, "ms")).toFixed(0).padStart(9)}${(1_000 * of(name, "processor")).toFixed(0).padStart(18)} µs`,
    );
  }
  const met = (["remembered", "cache"] as const).map((name) =>
    report.compare({
      what: `kept page, ${WHAT[name]}, in workerd alone`,
      value: of("empty", "ms") / of(name, "ms"),
      target: TARGET,
    }),
  );
  if (met.includes(false)) await explain(report, stage, vars);
}

/** Where the processor's time goes. */
async function explain(report: Report, stage: Stage, vars: Remotes["vars"]): Promise<void> {
  const script = await bundledWorker({ minify: false });
  const { originOf, inspector } = stage.add(
    await startWorkerd(
      {
        cache: { script: await scriptBeside("cache") },
        main: { script, cache: "cache", vars: { ...vars, API_KEYS } },
      },
      { inspect: true },
    ),
  );
  const { remembered } = await questionsFor(originOf("main"));
  const profile = await profileOf(inspector ?? "", "main", () => load(remembered, CONNECTIONS));
  const most = shares(profile, filesOf(script)).slice(0, MOST_SHARES);
  report.line("");
  report.line("where the time of a remembered page goes, in the code or in what of the runtime it calls");
  for (const [place, share] of most)
    report.line(`  ${place.padEnd(36)}${(100 * share).toFixed(1).padStart(9)} %`);
  report.explain(
    `The empty Worker hands on a response that it does not look into. This one checks a key, sets the headers of security,
caching, CORS and quotas, writes ten rows as JSON, makes a digest of that for the \`ETag\`, and writes a line to the log; and
one that is read from the cache is first parsed out of OpenD's bytes, all ${MAX_ROWS} rows. That is two tenths of a millisecond and
more, where the whole of the empty Worker takes as much. Nothing of it can be left out; only a cache in front of the Worker, as
Workers Cache is, would save it.`,
  );
}

/** The same in wrangler's development server, which most of the time of either is spent in. */
async function inDevelopment(report: Report, stage: Stage, { vars }: Remotes): Promise<void> {
  const worker = stage.add(await startLocalWorker({ ...vars, API_KEYS }, UNLIMITED));
  const empty = stage.add(await startLocalWorker({}, { config: "test/bench/beside/empty.toml" }));
  const main = await questionsFor(worker.origin);
  const ask = { ...main, empty: await questionFor(empty.origin, main) };
  const turns = await inTurns(["empty", "remembered", "cache"], DEV_ROUNDS, (name: Name) =>
    load(ask[name], CONNECTIONS),
  );
  for (const name of ["remembered", "cache"] as const) {
    report.compare({
      what: `kept page, ${WHAT[name]}, in the development server`,
      value: median(turns.empty) / median(turns[name]),
      target: TARGET,
    });
  }
}

const WHAT: Readonly<Record<Name, string>> = {
  empty: "an empty Worker",
  remembered: "remembered by the isolate",
  cache: "read from the cache",
};

/** What this project's Worker is asked, once its cache is filled. */
async function questionsFor(origin: string) {
  const [path = ""] = PATHS;
  const ask = {
    remembered: { origin, paths: PATHS.map(() => path), headers: WITH_KEY },
    cache: { origin, paths: PATHS, headers: WITH_KEY },
  };
  // The first time they come from the store.
  for (const each of [ask.cache, ask.cache, ask.remembered]) await load(each, CONNECTIONS);
  return ask;
}

/** What the empty one is asked, once its cache has the other one's answer. */
async function questionFor(origin: string, { remembered }: Awaited<ReturnType<typeof questionsFor>>) {
  const [path = ""] = remembered.paths;
  const cached = await fetch(remembered.origin + path, { headers: WITH_KEY });
  const headers = new Headers(cached.headers);
  if (!headers.get("Cache-Status")?.includes("; hit")) throw new Error("A page is not kept");
  // These are about the connection.
  for (const name of ["Connection", "Content-Encoding", "Keep-Alive", "Transfer-Encoding"])
    headers.delete(name);
  // A cache keeps nothing that is private, as answers to keys are.
  headers.set("Cache-Control", "max-age=3600");
  const body = await cached.text();
  await fetch(origin + path, { method: "PUT", headers, body });
  const theirs = await fetch(origin + path, { headers: WITH_KEY });
  if ((await theirs.text()) !== body) throw new Error("The empty Worker answers something else");
  const question = { ...remembered, origin };
  await load(question, CONNECTIONS);
  return question;
}

/** Puts pages where all data centres have them, as if each had been fetched. */
async function fillStore({ upstash }: Remotes): Promise<void> {
  const address = { url: upstash.url, token: upstash.token };
  const store = createSharedCache(createUpstash(address, 3_000), 15_000, Date.now);
  const cached = cachePage(replyOf(MAX_ROWS), "", Date.now());
  for (const path of PATHS) {
    const symbol = path.slice(path.lastIndexOf("/") + 1);
    const key = { symbol, cursor: "" };
    await store.write(key, "", cached, summaryOf(readPage(parseSymbol(symbol), cached), key), []);
  }
}
