import type { OpendOptions } from "../stand-ins/opend.ts";
import type { WrongReply } from "../stand-ins/opend-faults.ts";
import { randomFrom } from "../stand-ins/sample-data.ts";
import type { UpstashFault } from "../stand-ins/upstash.ts";

/** What goes wrong, and when. Only the seed decides, so a seed gives the same plan on every machine. */

export interface Spell {
  /** `calm`: no fault. `rush`: more pages are requested than the quota has calls, with or without a fault. */
  readonly kind: "calm" | "fault" | "rush";
  readonly ms: number;
  /** Its name in the summary. */
  readonly name: string;
  readonly opend: OpendOptions;
  readonly upstash?: UpstashFault;
  /** Symbols whose stored first page is made stale when it begins. */
  readonly aged: readonly string[];
  /** The place of a Worker that is ended without warning, and started anew. */
  readonly replaced?: number;
  /** Wrong replies from its start. A new Worker has no copies, so it causes their calls. */
  readonly wrongReplies: readonly WrongReply[];
}

type Fault = Pick<Spell, "name" | "opend" | "upstash">;

const WELL: OpendOptions = { fault: "", delayMs: [0, 0] };
const faulty = (fault: string): Fault => ({ name: `OpenD: ${fault}`, opend: { ...WELL, fault } });
const delayed = (least: number, most: number): Fault => ({
  name: `OpenD: ${least} to ${most} ms late`,
  opend: { ...WELL, delayMs: [least, most] },
});
const without = (upstash: UpstashFault): Fault => ({ name: `Upstash: ${upstash}`, opend: WELL, upstash });

/**
 * Faults, grouped by their effect on the Worker. "unknown stock" for all securities is missing: the Worker would
 * rightly believe it for pages that it does not have; `wrong-replies.ts` denies single securities instead. Frames that
 * are delayed for longer than a permit lives are missing too: no gateway could keep the limit then.
 */
const KINDS: Readonly<Record<string, readonly Fault[]>> = {
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
  upstash: (["hang", "401", "500", "HTML", "nonsense"] as const).map(without),
  "slow Upstash": [without("slow")],
  both: [
    { ...faulty("login: drop"), name: "OpenD: login: drop, Upstash: 500", upstash: "500" },
    { ...faulty("hanging connect"), name: "OpenD: hanging connect, Upstash: hang", upstash: "hang" },
    { ...delayed(500, 2_500), name: "OpenD: late, Upstash: slow", upstash: "slow" },
  ],
};

/** OpenD refuses because other programs used up the quota. No call is allowed for a window then. */
const FREQUENCY: readonly Fault[] = [faulty("frequency"), faulty("frequency in English")];
/** After it, and after a rush, the quota is used up for a window. A run must not end in that window. */
const AFTER_QUOTA_MS = 60_000;
/** The time between two of these, so that the quota has calls for most of a long run. */
const QUOTA_EVERY_MS = 150_000;
/** The time between two long faults. */
const LONG_EVERY_MS = 200_000;

/** A limit fails by jitter between the permit and the call. */
const RUSHES: readonly Fault[] = [
  { name: "a rush", opend: WELL },
  { ...delayed(0, 1_500), name: "a rush, OpenD late" },
  { ...delayed(0, 4_500), name: "a rush, OpenD very late" },
  { name: "a rush, Upstash slow", opend: WELL, upstash: "slow" },
];

/** The rush at the end of each run, after all other checks. */
export function lastRush(seed: string): Spell {
  const random = randomFrom(`${seed} last rush`);
  return { kind: "rush", ms: 10_000, aged: [], wrongReplies: [], ...pick(RUSHES.slice(0, 2), random) };
}

/** A security whose first page is stored. */
export interface Security {
  readonly symbol: string;
  /** The length of its history. */
  readonly rows: number;
}

/** In these calm spells a Worker is always replaced, so that a short run has wrong replies too. */
const REPLACED_CALMS: ReadonlySet<number> = new Set([0, 2]);

/**
 * Alternates calm spells and faults, and ends with a fault. In half of the calm spells OpenD tolerates any cursor.
 * @param securities those whose pages may be made stale, or contradicted
 */
export function planOf(
  seed: string,
  totalMs: number,
  workers: number,
  securities: readonly Security[],
): readonly Spell[] {
  const random = randomFrom(`${seed} plan`);
  const between = (least: number, most: number) => whole(random, least, most);
  const spells: Spell[] = [];
  let kinds: string[] = [];
  const nextWrong = wrongReplies(securities, randomFrom(`${seed} wrong replies`));
  const pages = securities.map(({ symbol }) => symbol);
  let calms = 0;
  let at = 0;
  let quotaAt = 30_000;
  let longAt = LONG_EVERY_MS;

  const add = (spell: Omit<Spell, "ms" | "wrongReplies">, ms: number) => {
    const isWrong = spell.replaced !== undefined && at < totalMs - QUIET_END_MS;
    spells.push({ ...spell, ms, wrongReplies: isWrong ? nextWrong(at) : [] });
    at += ms;
  };
  const disturbed = (often: number) => (random() < often ? { replaced: between(0, workers - 1) } : {});

  while (at < totalMs) {
    const toleratesCursors = random() < 0.5;
    const name = toleratesCursors ? "calm, OpenD tolerates any cursor" : "calm";
    const opend = { ...WELL, toleratesCursors };
    const often = REPLACED_CALMS.has(calms) ? 1 : 0.2;
    add({ kind: "calm", name, opend, aged: [], ...disturbed(often) }, between(3_000, 5_000));
    calms += 1;
    const left = totalMs - at;
    if (at > quotaAt && left > AFTER_QUOTA_MS + 45_000) {
      quotaAt = at + QUOTA_EVERY_MS;
      if (random() < 0.6) add({ kind: "rush", aged: [], ...disturbed(0.5), ...pick(RUSHES, random) }, 40_000);
      else add({ kind: "fault", aged: [], ...pick(FREQUENCY, random) }, between(4_000, 8_000));
      continue;
    }
    if (kinds.length === 0) kinds = shuffled(Object.keys(KINDS), random);
    const fault = pick(KINDS[kinds.pop() ?? ""] ?? [], random);
    const isLong = at > longAt && left > 60_000;
    if (isLong) longAt = at + LONG_EVERY_MS;
    const aged = random() < 0.5 ? [pick(pages, random)] : [pick(pages, random), pick(pages, random)];
    add(
      { kind: "fault", aged, ...disturbed(0.5), ...fault },
      isLong ? between(20_000, 40_000) : between(4_000, 8_000),
    );
  }
  return spells;
}

/** An attack lasts no longer, so that a long run also has a time after it. */
const MAX_ATTACK_MS = 600_000;
/** It ends so long before the run does: the quota must have calls for the checks at the end. */
export const QUIET_END_MS = 15_000;

/** Unix times, in milliseconds. */
export interface Period {
  readonly from: number;
  readonly until: number;
}

/** When cursors and securities are invented. Before, no calls are wasted, so new pages have the whole quota. */
export function attackOf(began: number, totalMs: number): Period {
  const from = began + totalMs / 2;
  return { from, until: Math.min(from + MAX_ATTACK_MS, began + totalMs - QUIET_END_MS) };
}

/** A wrong reply is given within this time, or not at all. Repeated after 60 s it would be believed. */
export const WRONG_REPLY_MS = 40_000;
/** Wrong replies that begin at the same time. */
const WRONG_AT_ONCE = 2;
const DENIALS = ["unknown stock", "wrong kind", "empty"] as const;
/** Less is missing than a page has rows. */
const MAX_MISSING = 12;

/**
 * Wrong replies to securities with a stored page, one security after the other. A stored page is replaced by a reply
 * that contradicts it when the same contradiction repeats after 60 s. So no security gets the same contradiction
 * again in a run: it is denied once, and then other rows are missing each time.
 * @returns takes the next ones at a time of the plan
 */
function wrongReplies(securities: readonly Security[], random: () => number): (at: number) => WrongReply[] {
  const times = () => whole(random, 1, 3);
  const turns = shuffled(securities, random).map(({ symbol, rows }) => {
    const denial: WrongReply = { symbol, reply: pick(DENIALS, random), missing: 0, times: times() };
    const missing = Array.from({ length: rows > 2 * MAX_MISSING ? MAX_MISSING : 0 }, (_, less) => less + 1);
    const others = (["older", "shorter"] as const).flatMap((reply) =>
      missing.map((count): WrongReply => ({ symbol, reply, missing: count, times: times() })),
    );
    const [first, ...rest] = shuffled(others, random);
    const left = [...shuffled(first ? [denial, first] : [denial], random), ...rest];
    return { left, lastAt: Number.NEGATIVE_INFINITY };
  });
  return (at) => {
    const due = turns.filter(({ left, lastAt }) => left.length > 0 && at - lastAt > WRONG_REPLY_MS);
    return due
      .sort((one, other) => one.lastAt - other.lastAt)
      .slice(0, WRONG_AT_ONCE)
      .flatMap((turn) => {
        turn.lastAt = at;
        return turn.left.splice(0, 1);
      });
  };
}

/** @throws Error for an empty list */
export function pick<T>(all: readonly T[], random: () => number): T {
  const picked = all[Math.floor(random() * all.length)];
  if (picked === undefined) throw new Error("empty list");
  return picked;
}

/** A whole number in the range, both ends included. */
export function whole(random: () => number, least: number, most: number): number {
  return least + Math.floor(random() * (most - least + 1));
}

function shuffled<T>(all: readonly T[], random: () => number): T[] {
  const order = all.map((each) => ({ each, at: random() }));
  return order.sort((one, other) => one.at - other.at).map(({ each }) => each);
}
