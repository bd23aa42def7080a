import { randomBytes } from "node:crypto";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { told } from "./ask.ts";
import { allClosed, publish, recover } from "./ending.ts";
import { Hooks } from "./hooks.ts";
import { type Ledger, startLedger } from "./ledger.ts";
import { lastRush, planOf, type Spell } from "./plan.ts";
import { beCurious, read, warm } from "./readers.ts";
import { Report } from "./report.ts";
import { READERS, startScene, WORKERS } from "./scene.ts";
import { beGreedy, beModest, rush } from "./sharing.ts";
import { KEPT, World } from "./world.ts";

/**
 * `npm run soak`, or `npm run soak -- 60` for a minute of it, or `npm run soak -- 60 SEED` for the same again: several
 * Workers over one OpenD and one Upstash are asked for everything at once, while what can go wrong does, at random;
 * and what the design says must always hold is looked at from outside.
 */

const DEFAULT_S = 30 * 60;
/** The greedy one stops so long before the end, so that the quota has calls when all is well again. */
const GREEDY_BEFORE_END_MS = 15_000;
const LIMIT = 30;

const seconds = Number(process.argv[2] ?? DEFAULT_S);
const seed = process.argv[3] ?? randomBytes(4).toString("hex");
if (!(seconds >= 1)) throw new Error("usage: npm run soak -- SECONDS SEED");
const report = new Report();
const ending: (() => Promise<unknown>)[] = [];

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

console.log(`seed ${seed}: ${seconds} s, ${WORKERS} Workers`);
try {
  await soak();
} catch (thrown) {
  surprise(thrown);
}
await end();
report.print();
const holds = report.judge(seed);
if (holds) console.log("all that must hold did");
process.exit(holds ? 0 : 1);

async function soak(): Promise<void> {
  const delay = monitorEventLoopDelay();
  delay.enable();
  const plan = planOf(seed, seconds * 1_000, WORKERS, KEPT);
  const { parts, receiver } = await startScene(seed, report, ending);
  const world = new World(parts);
  const ledger = startLedger(world);
  ending.push(async () => ledger.close());
  const hooks = new Hooks(world, receiver);
  // Its calls are forgotten sooner while the others still start.
  await parts.centres.start(0);
  await warm(world);
  for (let place = 1; place < WORKERS; place += 1) await parts.centres.start(place);

  const began = Date.now();
  const actors = [
    ...Array.from({ length: READERS }, (_, at) => read(world, `reader-${at}`)),
    beGreedy(world, began + seconds * 1_000 - GREEDY_BEFORE_END_MS),
    beModest(world),
    beCurious(world),
    hooks.run(),
  ].map((actor) => actor.catch(surprise));
  const replacing: Promise<void>[] = [];
  for (const spell of plan) {
    if (spell.replaced !== undefined) replacing.push(replace(world, spell.replaced));
    await live(world, ledger, spell);
  }

  world.begin(undefined);
  world.end();
  await Promise.all(replacing);
  await Promise.all([recover(world), ...actors]);
  await allClosed(world);
  await publish(world, hooks, ledger);
  await live(world, ledger, lastRush(seed));
  world.begin(undefined);
  await allClosed(world);
  hooks.check();

  const { calls, worstWindow, refused, mostConnections } = parts.opend.stats();
  if (worstWindow > LIMIT) report.violated("quota", `${worstWindow} calls in 30 s`);
  if (refused > 0) report.violated("quota", `OpenD has refused ${refused} calls`);
  console.log(
    `${calls} calls, at most ${worstWindow} in 30 s, ${refused} refused, ${mostConnections} connections at most; ` +
      `this process was held up for ${Math.round(delay.max / 1e6)} ms at most`,
  );
}

/** Lives through a spell. What was begun in it may go on. */
async function live(world: World, ledger: Ledger, spell: Spell): Promise<void> {
  report.count(`seconds: of ${spell.name}`, spell.ms / 1_000);
  world.begin(spell);
  for (const symbol of spell.aged) {
    ledger.forget(symbol);
    await world.age(symbol);
  }
  const over = new Promise((resolve) => setTimeout(resolve, spell.ms));
  await (spell.kind === "rush" ? Promise.all([over, rush(world, spell.ms)]) : over);
}

/** A data centre goes, and another one comes. */
async function replace(world: World, place: number): Promise<void> {
  report.count("Workers: started anew");
  world.disturb();
  await world.parts.centres.replace(place).catch(surprise);
  world.disturb();
}
