import { randomBytes } from "node:crypto";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { checkRateLimit } from "../model/rate-limit/check.ts";
import { checkSharedCache } from "../model/shared-cache/check.ts";
import { formatDuration, print, startProgress } from "../support/progress.ts";
import { runAttack } from "./attack.ts";
import { type CallMonitor, startCallMonitor } from "./call-monitor.ts";
import { runGreedyCaller, runModestCaller, runOverload } from "./fairness.ts";
import { readNextPages } from "./next-pages.ts";
import { expectedHistory } from "./oracle.ts";
import { attackPeriod, createPlan, finalOverload, type Phase, QUIET_END_MS } from "./plan.ts";
import { countPermits, LIMIT } from "./quota.ts";
import { readAllPages, readNewSymbolsDuringFaults, runReader } from "./readers.ts";
import { checkConnectionsClosed, checkPublication, checkRecovery } from "./recovery-checks.ts";
import { checkStorage, watchStorage } from "./redis-usage.ts";
import { requestRefusedSymbols } from "./refused-symbols.ts";
import { Report } from "./report.ts";
import { errorMessage } from "./requests.ts";
import { READERS, startSystem, WORKERS } from "./system.ts";
import { openUnauthenticated } from "./unauthenticated.ts";
import { WebhookClient } from "./webhook-client.ts";
import { STORED_SYMBOLS, World } from "./world.ts";
import { WrongReplies } from "./wrong-replies.ts";

/**
 * `npm run soak` runs for 30 minutes, and `npm run soak -- 60` for one minute. `npm run soak -- 60 SEED` repeats a plan.
 * Several Workers share one OpenD and one Upstash. They receive all kinds of requests, and attacks, during random
 * faults. The invariants in `report.ts` are checked from outside.
 */

const DEFAULT_S = 30 * 60;
/** Random histories of the Lua scripts per second of the soak. They add about a tenth to its duration. */
const RATE_LIMIT_HISTORIES_PER_S = 300;
const SHARED_CACHE_HISTORIES_PER_S = 60;

const seconds = Number(process.argv[2] ?? DEFAULT_S);
const seed = process.argv[3] ?? randomBytes(4).toString("hex");
if (!(seconds >= 1)) {
  console.error("Usage: npm run soak -- [SECONDS] [SEED]");
  process.exit(2);
}
const report = new Report();
const cleanups: (() => Promise<unknown>)[] = [];
/** The current activity, for the progress line. */
let status = "starting";
let startedAt = Date.now();

async function cleanUp(): Promise<void> {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
}
const reportError = (thrown: unknown) => {
  const stack = thrown instanceof Error ? thrown.stack : undefined;
  report.violation("unexpectedError", stack ?? errorMessage(thrown));
};
process.on("uncaughtException", reportError);
process.on("unhandledRejection", reportError);
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => void cleanUp().finally(() => process.exit(1)));
}

print(`soak test: seed ${seed}, ${seconds} s, ${WORKERS} Workers`);
try {
  await soak();
} catch (thrown) {
  reportError(thrown);
}
await cleanUp();
await checkScripts();
report.print();
const hasPassed = report.printViolations(seed);
if (hasPassed) print("passed: no violations");
process.exit(hasPassed ? 0 : 1);

async function soak(): Promise<void> {
  const eventLoopDelay = monitorEventLoopDelay();
  eventLoopDelay.enable();
  const totalMs = seconds * 1_000;
  const securities = STORED_SYMBOLS.map((symbol) => ({
    symbol,
    rowCount: expectedHistory(symbol).rows.length,
  }));
  const plan = createPlan(seed, totalMs, WORKERS, securities);
  const { deps, receiver } = await startSystem(seed, report, cleanups);
  const stopProgress = startProgress(() => {
    const { calls, maxCallsInWindow } = deps.opend.stats();
    const time = `${formatDuration(Date.now() - startedAt)}/${formatDuration(totalMs)}`;
    const counts = `${report.responseCount} responses, ${calls} calls to OpenD, at most ${maxCallsInWindow} in 30 s`;
    return `${time}  ${counts}, ${report.violationCount} violations; ${status}`;
  });
  cleanups.push(async () => stopProgress());
  const world = new World(deps);
  const monitor = startCallMonitor(world);
  cleanups.push(async () => monitor.close());
  const webhooks = new WebhookClient(world, receiver);
  const wrongReplies = new WrongReplies(world, monitor);
  // The other Workers start while the permits of these calls expire.
  await deps.centers.start(0);
  status = "storing all pages";
  await readAllPages(world);
  status = "starting the other Workers";
  for (let index = 1; index < WORKERS; index += 1) await deps.centers.start(index);

  status = "waiting until all permits have expired";
  await waitForFreeQuota(world);

  startedAt = Date.now();
  const attack = attackPeriod(startedAt, totalMs);
  const actors = [
    ...Array.from({ length: READERS }, (_, index) => runReader(world, `reader-${index}`)),
    runGreedyCaller(world, attack, startedAt + totalMs - QUIET_END_MS),
    runModestCaller(world),
    readNewSymbolsDuringFaults(world),
    readNextPages(world, monitor),
    runAttack(world, attack),
    requestRefusedSymbols(world, attack.from),
    openUnauthenticated(world),
    watchStorage(world),
    webhooks.run(),
  ].map((actor) => actor.catch(reportError));
  const restarts: Promise<void>[] = [];
  for (const phase of plan) {
    if (phase.restartedWorker !== undefined) restarts.push(restartWorker(world, phase.restartedWorker));
    await wrongReplies.begin(phase.wrongReplies);
    await runPhase(world, monitor, phase);
  }

  status = "checking: all responses become fresh";
  world.startPhase(undefined);
  world.end();
  wrongReplies.end();
  await Promise.all(restarts);
  await Promise.all([checkRecovery(world, startedAt), ...actors]);
  await checkConnectionsClosed(world);
  status = "checking: a new row causes a webhook message";
  await checkPublication(world, webhooks, monitor);
  await runPhase(world, monitor, finalOverload(seed));
  world.startPhase(undefined);
  status = "checking: all connections are closed";
  await checkConnectionsClosed(world);
  await checkStorage(world);
  webhooks.checkMessages();

  const { calls, maxCallsInWindow, refused, maxConnections } = deps.opend.stats();
  if (maxCallsInWindow > LIMIT) report.violation("opendLimitExceeded", `${maxCallsInWindow} calls in 30 s`);
  if (refused > 0) report.violation("opendLimitExceeded", `OpenD refused ${refused} calls`);
  print(
    `OpenD: ${calls} calls, at most ${maxCallsInWindow} in 30 s, ${refused} refused; at most ${maxConnections} connections; ` +
      `maximum event loop delay of the soak process: ${Math.round(eventLoopDelay.max / 1e6)} ms`,
  );
}

/** Checks the Lua scripts in random histories. Their number depends on the duration of the soak. */
async function checkScripts(): Promise<void> {
  const checks = [
    ["rate limiter", checkRateLimit, seconds * RATE_LIMIT_HISTORIES_PER_S, "opendLimitExceeded"],
    ["shared cache", checkSharedCache, seconds * SHARED_CACHE_HISTORIES_PER_S, "incorrectResponse"],
  ] as const;
  for (const [name, check, histories, violation] of checks) {
    const onProgress = (done: number) => {
      if (done % 50_000 === 0)
        print(`scripts of the ${name}: ${done} of ${histories} random histories checked`);
    };
    const failure = await check({ seed, histories, onProgress });
    if (failure) report.violation(violation, failure.report);
    else print(`scripts of the ${name}: ${histories} random histories passed`);
  }
}

async function waitForFreeQuota(world: World): Promise<void> {
  while ((await countPermits(world)) > 0) await new Promise((resolve) => setTimeout(resolve, 200));
}

/** Runs a phase. Its requests may end after it. */
async function runPhase(world: World, monitor: CallMonitor, phase: Phase): Promise<void> {
  status = `phase: ${phase.name}`;
  report.count(`phases: s of ${phase.name}`, phase.durationMs / 1_000);
  world.startPhase(phase);
  for (const symbol of phase.staleSymbols) {
    monitor.forgetCalls(symbol);
    await world.makeStale(symbol);
  }
  const end = new Promise((resolve) => setTimeout(resolve, phase.durationMs));
  await (phase.kind === "overload" ? Promise.all([end, runOverload(world, phase.durationMs)]) : end);
}

async function restartWorker(world: World, index: number): Promise<void> {
  report.count("Workers: restarted");
  world.restartCalm();
  await world.deps.centers.restart(index).catch(reportError);
  world.restartCalm();
}
