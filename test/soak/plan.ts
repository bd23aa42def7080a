import type { OpendOptions } from "../stand-ins/opend.ts";
import type { WrongReply } from "../stand-ins/opend-faults.ts";
import { randomFrom } from "../stand-ins/sample-data.ts";
import type { UpstashFault } from "../stand-ins/upstash.ts";

/** Plans the phases of a run and their faults. The plan depends on the seed only. */

export interface Phase {
  /** `calm`: no fault. `overload`: requests for more pages than OpenD's limit allows, with or without a fault. */
  readonly kind: "calm" | "fault" | "overload";
  readonly durationMs: number;
  /** The name in the summary. */
  readonly name: string;
  readonly opend: OpendOptions;
  readonly upstash?: UpstashFault;
  /** Symbols whose stored first page is made stale at the start of the phase. */
  readonly staleSymbols: readonly string[];
  /** The index of a Worker that is restarted without warning. */
  readonly restartedWorker?: number;
  /** Wrong replies from the start of the phase. A restarted Worker has an empty edge cache, so it makes these calls. */
  readonly wrongReplies: readonly WrongReply[];
}

type PhaseFault = Pick<Phase, "name" | "opend" | "upstash">;

const NO_FAULT: OpendOptions = { fault: "", delayMs: [0, 0] };
const faulty = (fault: string): PhaseFault => ({ name: `OpenD: ${fault}`, opend: { ...NO_FAULT, fault } });
const delayed = (min: number, max: number): PhaseFault => ({
  name: `OpenD: delay of ${min} to ${max} ms`,
  opend: { ...NO_FAULT, delayMs: [min, max] },
});
const upstashFault = (upstash: UpstashFault): PhaseFault => ({
  name: `Upstash: ${upstash}`,
  opend: NO_FAULT,
  upstash,
});

/**
 * Faults, grouped by their effect on the Worker. Two faults are left out:
 *
 * - "unknown stock" for all securities, because the Worker must accept it for pages that it has not stored.
 *   `wrong-replies.ts` sends it for single securities.
 * - Delays longer than the lifetime of a permit, because then OpenD's limit cannot be guaranteed.
 */
const FAULTS: Readonly<Record<string, readonly PhaseFault[]>> = {
  connect: ["reset", "hanging connect", "not a WebSocket", "redirect", "silent after upgrade"].map(faulty),
  login: ["drop", "silence", "relay lost", "header error", "refused without text", "not protobuf"].map(
    (fault) => faulty(`login: ${fault}`),
  ),
  call: ["silence", "drop", "relay lost", "other section", "header error 1", "header error 3"].map(faulty),
  reply: [
    ...["text frame", "short frame", "wrong sign", "not protobuf", "not this protobuf"],
    ...["no content", "no body", "wrong market", "header error 9"],
  ].map(faulty),
  refusal: ["no permission", "other refusal"].map(faulty),
  slow: [delayed(0, 1_500), delayed(2_000, 4_500), faulty("push first")],
  upstash: (["hang", "401", "500", "HTML", "nonsense"] as const).map(upstashFault),
  "slow Upstash": [upstashFault("slow")],
  both: [
    { ...faulty("login: drop"), name: "OpenD: login: drop, Upstash: 500", upstash: "500" },
    { ...faulty("hanging connect"), name: "OpenD: hanging connect, Upstash: hang", upstash: "hang" },
    { ...delayed(500, 2_500), name: "OpenD: delay of 500 to 2500 ms, Upstash: slow", upstash: "slow" },
  ],
};

/** OpenD refuses calls because other programs used up its limit. Then the Worker makes no call for a window. */
const FREQUENCY_FAULTS: readonly PhaseFault[] = [faulty("frequency"), faulty("frequency in English")];
/** Such a fault or an overload uses up the limit for a window. A run must not end in that window. */
const AFTER_QUOTA_MS = 60_000;
/** Time between two of these, so that permits are available for most of a long run. */
const QUOTA_FAULT_INTERVAL_MS = 150_000;
/** Time between two long faults. */
const LONG_FAULT_INTERVAL_MS = 200_000;

/** Delays between a permit and its call are a risk for the limit. */
const OVERLOADS: readonly PhaseFault[] = [
  { name: "overload", opend: NO_FAULT },
  { ...delayed(0, 1_500), name: "overload, OpenD slow" },
  { ...delayed(0, 4_500), name: "overload, OpenD very slow" },
  { name: "overload, Upstash slow", opend: NO_FAULT, upstash: "slow" },
];

/** The overload at the end of each run, after all other checks. */
export function finalOverload(seed: string): Phase {
  const random = randomFrom(`${seed} final overload`);
  return {
    kind: "overload",
    durationMs: 10_000,
    staleSymbols: [],
    wrongReplies: [],
    ...pick(OVERLOADS.slice(0, 2), random),
  };
}

/** A security whose first page is stored. */
export interface Security {
  readonly symbol: string;
  /** The number of rows in its history. */
  readonly rowCount: number;
}

/** These calm phases always restart a Worker, so that a short run has wrong replies too. */
const RESTART_PHASES: ReadonlySet<number> = new Set([0, 2]);

/**
 * Alternates calm phases and faults, and ends with a fault. In half of the calm phases OpenD tolerates any cursor.
 * @param securities securities whose pages may become stale, or get wrong replies
 */
export function createPlan(
  seed: string,
  totalMs: number,
  workers: number,
  securities: readonly Security[],
): readonly Phase[] {
  const random = randomFrom(`${seed} plan`);
  const between = (min: number, max: number) => randomInteger(random, min, max);
  const phases: Phase[] = [];
  let faultGroups: string[] = [];
  const nextWrongReplies = planWrongReplies(securities, randomFrom(`${seed} wrong replies`));
  const symbols = securities.map(({ symbol }) => symbol);
  let calmPhases = 0;
  let timeMs = 0;
  let nextQuotaFaultMs = 30_000;
  let nextLongFaultMs = LONG_FAULT_INTERVAL_MS;

  const add = (phase: Omit<Phase, "durationMs" | "wrongReplies">, durationMs: number) => {
    const hasWrongReplies = phase.restartedWorker !== undefined && timeMs < totalMs - QUIET_END_MS;
    phases.push({ ...phase, durationMs, wrongReplies: hasWrongReplies ? nextWrongReplies(timeMs) : [] });
    timeMs += durationMs;
  };
  const maybeRestart = (probability: number) =>
    random() < probability ? { restartedWorker: between(0, workers - 1) } : {};

  while (timeMs < totalMs) {
    const toleratesCursors = random() < 0.5;
    const name = toleratesCursors ? "calm, OpenD tolerates any cursor" : "calm";
    const opend = { ...NO_FAULT, toleratesCursors };
    const restartProbability = RESTART_PHASES.has(calmPhases) ? 1 : 0.2;
    const calm = { kind: "calm", name, opend, staleSymbols: [] } as const;
    add({ ...calm, ...maybeRestart(restartProbability) }, between(3_000, 5_000));
    calmPhases += 1;
    const remainingMs = totalMs - timeMs;
    if (timeMs > nextQuotaFaultMs && remainingMs > AFTER_QUOTA_MS + 45_000) {
      nextQuotaFaultMs = timeMs + QUOTA_FAULT_INTERVAL_MS;
      if (random() < 0.6)
        add({ kind: "overload", staleSymbols: [], ...maybeRestart(0.5), ...pick(OVERLOADS, random) }, 40_000);
      else add({ kind: "fault", staleSymbols: [], ...pick(FREQUENCY_FAULTS, random) }, between(4_000, 8_000));
      continue;
    }
    if (faultGroups.length === 0) faultGroups = shuffle(Object.keys(FAULTS), random);
    const fault = pick(FAULTS[faultGroups.pop() ?? ""] ?? [], random);
    const isLong = timeMs > nextLongFaultMs && remainingMs > 60_000;
    if (isLong) nextLongFaultMs = timeMs + LONG_FAULT_INTERVAL_MS;
    const staleSymbols =
      random() < 0.5 ? [pick(symbols, random)] : [pick(symbols, random), pick(symbols, random)];
    add(
      { kind: "fault", staleSymbols, ...maybeRestart(0.5), ...fault },
      isLong ? between(20_000, 40_000) : between(4_000, 8_000),
    );
  }
  return phases;
}

/** Maximum duration of the attack, so that a long run continues after it. */
const MAX_ATTACK_MS = 600_000;
/** The attack ends this long before the run, because the checks at the end need permits. */
export const QUIET_END_MS = 15_000;

/** Unix times in milliseconds. */
export interface Period {
  readonly from: number;
  readonly until: number;
}

/** The period of the attack. Before it no calls are wasted, so new symbols can use the whole limit. */
export function attackPeriod(startedAt: number, totalMs: number): Period {
  const from = startedAt + totalMs / 2;
  return { from, until: Math.min(from + MAX_ATTACK_MS, startedAt + totalMs - QUIET_END_MS) };
}

/** Wrong replies are sent within this time only: a contradiction that repeats after 60 s is stored. */
export const WRONG_REPLY_MS = 40_000;
/** Wrong replies that begin at the same time. */
const MAX_CONCURRENT_WRONG_REPLIES = 2;
const DENIALS = ["unknown stock", "wrong kind", "empty"] as const;
/** Maximum number of missing rows, below the number of rows of a page. */
const MAX_MISSING = 12;

/**
 * Plans wrong replies for stored securities. A contradicting reply replaces a stored page if the same contradiction
 * repeats after 60 s. So a security never gets the same contradiction twice in a run: it is refused once, and then
 * the missing rows differ each time.
 * @returns a function that takes the next wrong replies at a time of the plan, in milliseconds
 */
function planWrongReplies(
  securities: readonly Security[],
  random: () => number,
): (timeMs: number) => WrongReply[] {
  const times = () => randomInteger(random, 1, 3);
  const queues = shuffle(securities, random).map(({ symbol, rowCount }) => {
    const denial: WrongReply = { symbol, reply: pick(DENIALS, random), missing: 0, times: times() };
    const missing = Array.from(
      { length: rowCount > 2 * MAX_MISSING ? MAX_MISSING : 0 },
      (_, index) => index + 1,
    );
    const partial = (["older", "shorter"] as const).flatMap((reply) =>
      missing.map((count): WrongReply => ({ symbol, reply, missing: count, times: times() })),
    );
    const [first, ...rest] = shuffle(partial, random);
    const remaining = [...shuffle(first ? [denial, first] : [denial], random), ...rest];
    return { remaining, lastMs: Number.NEGATIVE_INFINITY };
  });
  return (timeMs) => {
    const available = queues.filter(
      ({ remaining, lastMs }) => remaining.length > 0 && timeMs - lastMs > WRONG_REPLY_MS,
    );
    return available
      .sort((one, other) => one.lastMs - other.lastMs)
      .slice(0, MAX_CONCURRENT_WRONG_REPLIES)
      .flatMap((queue) => {
        queue.lastMs = timeMs;
        return queue.remaining.splice(0, 1);
      });
  };
}

/** @throws Error for an empty list */
export function pick<T>(all: readonly T[], random: () => number): T {
  const picked = all[Math.floor(random() * all.length)];
  if (picked === undefined) throw new Error("empty list");
  return picked;
}

/** A random integer from `min` to `max`, both included. */
export function randomInteger(random: () => number, min: number, max: number): number {
  return min + Math.floor(random() * (max - min + 1));
}

function shuffle<T>(all: readonly T[], random: () => number): T[] {
  const keyed = all.map((item) => ({ item, sortKey: random() }));
  return keyed.sort((one, other) => one.sortKey - other.sortKey).map(({ item }) => item);
}
