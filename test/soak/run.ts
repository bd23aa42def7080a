import { randomBytes } from "node:crypto";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { checkRateLimit } from "../model/rate-limit/check.ts";
import { checkSharedCache } from "../model/shared-cache/check.ts";
import { formatDuration, print, startProgress } from "../support/progress.ts";
import { allClosed, publish, recover } from "./ending.ts";
import { follow } from "./following.ts";
import { guess } from "./guessing.ts";
import { Hooks } from "./hooks.ts";
import { type Ledger, startLedger } from "./ledger.ts";
import { truthOf } from "./oracle.ts";
import { attackOf, lastRush, planOf, QUIET_END_MS, type Spell } from "./plan.ts";
import { LIMIT, used } from "./quota.ts";
import { beCurious, read, warm } from "./readers.ts";
import { requestRefused } from "./refused-symbols.ts";
import { Report } from "./report.ts";
import { told } from "./requests.ts";
import { READERS, startScene, WORKERS } from "./scene.ts";
import { beGreedy, beModest, rush } from "./sharing.ts";
import { checkStorage, watchStorage } from "./storage.ts";
import { openWithoutLogin } from "./unauthenticated.ts";
import { KEPT, World } from "./world.ts";
import { WrongReplies } from "./wrong-replies.ts";

/**
 * `npm run soak` runs for 30 minutes, `npm run soak -- 60` for one, and `npm run soak -- 60 SEED` repeats a plan.
 * Several Workers share one OpenD and one Upstash. They get all kinds of requests and attacks, while random faults
 * happen. The invariants of the design are checked from outside.
 */

const DEFAULT_S = 30 * 60;
/** Random histories of the scripts for each second of the soak. All of them take about a tenth of its time. */
const LIMIT_HISTORIES_PER_S = 300;
const STORE_HISTORIES_PER_S = 60;

const seconds = Number(process.argv[2] ?? DEFAULT_S);
const seed = process.argv[3] ?? randomBytes(4).toString("hex");
if (!(seconds >= 1)) throw new Error("usage: npm run soak -- SECONDS SEED");
const report = new Report();
const ending: (() => Promise<unknown>)[] = [];
/** What the run does now, for the progress. */
let phase = "starting";
let began = Date.now();

async function end(): Promise<void> {
  for (const each of ending.splice(0).reverse()) await each();
}
const surprise = (thrown: unknown) => {
  const stack = thrown instanceof Error ? thrown.stack : undefined;
  report.violated("surprise", stack ?? told(thrown));
};
process.on("uncaughtException", surprise);
process.on("unhandledRejection", surprise);
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => void end().finally(() => process.exit(1)));
}

print(`seed ${seed}: ${seconds} s, ${WORKERS} Workers`);
try {
  await soak();
} catch (thrown) {
  surprise(thrown);
}
await end();
await checkScripts();
report.print();
const holds = report.judge(seed);
if (holds) print("all invariants held");
process.exit(holds ? 0 : 1);

async function soak(): Promise<void> {
  const delay = monitorEventLoopDelay();
  delay.enable();
  const totalMs = seconds * 1_000;
  const securities = KEPT.map((symbol) => ({ symbol, rows: truthOf(symbol).rows.length }));
  const plan = planOf(seed, totalMs, WORKERS, securities);
  const { parts, receiver } = await startScene(seed, report, ending);
  const stopProgress = startProgress(() => {
    const { calls, maxCallsInWindow } = parts.opend.stats();
    const time = `${formatDuration(Date.now() - began)}/${formatDuration(totalMs)}`;
    const counts = `${report.answers} answers, ${calls} calls to OpenD, worst window ${maxCallsInWindow}/${LIMIT}`;
    return `${time}  ${counts}, ${report.violations} violations; ${phase}`;
  });
  ending.push(async () => stopProgress());
  const world = new World(parts);
  const ledger = startLedger(world);
  ending.push(async () => ledger.close());
  const hooks = new Hooks(world, receiver);
  const wrongReplies = new WrongReplies(world, ledger);
  // The other Workers start while its calls leave the window.
  await parts.centres.start(0);
  phase = "reading all pages once";
  await warm(world);
  phase = "starting the other Workers";
  for (let place = 1; place < WORKERS; place += 1) await parts.centres.start(place);

  phase = "waiting until these calls have left the window";
  await quotaIsFree(world);

  began = Date.now();
  const attack = attackOf(began, totalMs);
  const actors = [
    ...Array.from({ length: READERS }, (_, at) => read(world, `reader-${at}`)),
    beGreedy(world, attack, began + totalMs - QUIET_END_MS),
    beModest(world),
    beCurious(world),
    follow(world, ledger),
    guess(world, attack),
    requestRefused(world, attack.from),
    openWithoutLogin(world),
    watchStorage(world),
    hooks.run(),
  ].map((actor) => actor.catch(surprise));
  const replacing: Promise<void>[] = [];
  for (const spell of plan) {
    if (spell.replaced !== undefined) replacing.push(replace(world, spell.replaced));
    await wrongReplies.begin(spell.wrongReplies);
    await live(world, ledger, spell);
  }

  phase = "ending: all answers must become fresh";
  world.begin(undefined);
  world.end();
  wrongReplies.end();
  await Promise.all(replacing);
  await Promise.all([recover(world, began), ...actors]);
  await allClosed(world);
  phase = "ending: a row is published";
  await publish(world, hooks, ledger);
  await live(world, ledger, lastRush(seed));
  world.begin(undefined);
  phase = "ending: all connections must be closed";
  await allClosed(world);
  await checkStorage(world);
  hooks.check();

  const { calls, maxCallsInWindow, refused, maxConnections } = parts.opend.stats();
  if (maxCallsInWindow > LIMIT) report.violated("quota", `${maxCallsInWindow} calls in 30 s`);
  if (refused > 0) report.violated("quota", `OpenD has refused ${refused} calls`);
  print(
    `${calls} calls to OpenD, at most ${maxCallsInWindow} in 30 s, ${refused} refused, at most ${maxConnections} connections; ` +
      `the soak's own process was blocked for at most ${Math.round(delay.max / 1e6)} ms`,
  );
}

/** Checks the scripts of the limit and of the shared store in random histories, more of them the longer the soak is. */
async function checkScripts(): Promise<void> {
  const checks = [
    ["limit", checkRateLimit, seconds * LIMIT_HISTORIES_PER_S, "quota"],
    ["shared store", checkSharedCache, seconds * STORE_HISTORIES_PER_S, "cached"],
  ] as const;
  for (const [name, check, histories, invariant] of checks) {
    const onProgress = (done: number) => {
      if (done % 50_000 === 0) print(`scripts of the ${name}: ${done} of ${histories} random histories`);
    };
    const failure = await check({ seed, histories, onProgress });
    if (failure) report.violated(invariant, failure.report);
    else print(`scripts of the ${name}: ${histories} random histories hold`);
  }
}

async function quotaIsFree(world: World): Promise<void> {
  while ((await used(world)) > 0) await new Promise((resolve) => setTimeout(resolve, 200));
}

/** Lives through a spell. Its requests may outlast it. */
async function live(world: World, ledger: Ledger, spell: Spell): Promise<void> {
  phase = `now: ${spell.name}`;
  report.count(`seconds: of ${spell.name}`, spell.ms / 1_000);
  world.begin(spell);
  for (const symbol of spell.aged) {
    ledger.forget(symbol);
    await world.age(symbol);
  }
  const over = new Promise((resolve) => setTimeout(resolve, spell.ms));
  await (spell.kind === "rush" ? Promise.all([over, rush(world, spell.ms)]) : over);
}

/** Ends a data center, and starts another one. */
async function replace(world: World, place: number): Promise<void> {
  report.count("Workers: replaced");
  world.disturb();
  await world.parts.centres.replace(place).catch(surprise);
  world.disturb();
}
