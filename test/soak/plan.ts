import type { OpendOptions } from "../stand-ins/opend.ts";
import { randomFrom } from "../stand-ins/sample-data.ts";
import type { UpstashFault } from "../stand-ins/upstash.ts";

/** What goes wrong, and when: drawn from the seed alone, so that a seed is the same plan on every machine. */

export interface Spell {
  /** Nothing is wrong, something is, or more is asked for than the quota has, wrong or not. */
  readonly kind: "calm" | "fault" | "rush";
  readonly ms: number;
  /** What to call it in the summary. */
  readonly name: string;
  readonly opend: OpendOptions;
  readonly upstash?: UpstashFault;
  /** Kept pages that are past their freshness from its start. */
  readonly aged: readonly string[];
  /** The place of a Worker that is ended in its midst, and started anew. */
  readonly replaced?: number;
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
 * By what they do to the Worker. That OpenD calls a security unknown is left out: its word is taken for that, and
 * believed. So is what no gateway could bear, frames that are held back for longer than a permit stands.
 */
const KINDS: Readonly<Record<string, readonly Fault[]>> = {
  connect: ["reset", "hanging connect", "not a WebSocket", "redirect", "mute"].map(faulty),
  login: ["drop", "silence", "relay lost", "header error", "refused without a word", "not protobuf"].map(
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

/** OpenD refuses for a quota that others have used up. Nobody may call for a window then. */
const FREQUENCY: readonly Fault[] = [faulty("frequency"), faulty("frequency in English")];
/** After it, and after a rush, the quota has nothing for a window; no run may end in that. */
const AFTER_QUOTA_MS = 60_000;
/** From one such to the next, so that most of a long run has a quota. */
const QUOTA_EVERY_MS = 150_000;
/** From one fault that lasts long to the next. */
const LONG_EVERY_MS = 200_000;

/** Jitter between permit and call is what a limit fails by. */
const RUSHES: readonly Fault[] = [
  { name: "a rush", opend: WELL },
  { ...delayed(0, 1_500), name: "a rush, OpenD late" },
  { ...delayed(0, 4_500), name: "a rush, OpenD very late" },
  { name: "a rush, Upstash slow", opend: WELL, upstash: "slow" },
];

/** The rush at the end of each run, once everything else has been looked at. */
export function lastRush(seed: string): Spell {
  const random = randomFrom(`${seed} last rush`);
  return { kind: "rush", ms: 10_000, aged: [], ...pick(RUSHES.slice(0, 2), random) };
}

/**
 * Calm and faults in turns, which end with a fault.
 * @param pages the symbols whose pages may be made old
 */
export function planOf(
  seed: string,
  totalMs: number,
  workers: number,
  pages: readonly string[],
): readonly Spell[] {
  const random = randomFrom(`${seed} plan`);
  const between = (least: number, most: number) => Math.round(least + random() * (most - least));
  const spells: Spell[] = [];
  let kinds: string[] = [];
  let at = 0;
  let quotaAt = 30_000;
  let longAt = LONG_EVERY_MS;

  const add = (spell: Omit<Spell, "ms">, ms: number) => {
    spells.push({ ...spell, ms });
    at += ms;
  };
  const disturbed = (often: number) => (random() < often ? { replaced: between(0, workers - 1) } : {});

  while (at < totalMs) {
    add({ kind: "calm", name: "calm", opend: WELL, aged: [], ...disturbed(0.2) }, between(3_000, 5_000));
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

export function pick<T>(all: readonly T[], random: () => number): T {
  const picked = all[Math.floor(random() * all.length)];
  if (picked === undefined) throw new Error("There is nothing to pick from");
  return picked;
}

function shuffled<T>(all: readonly T[], random: () => number): T[] {
  const order = all.map((each) => ({ each, at: random() }));
  return order.sort((one, other) => one.at - other.at).map(({ each }) => each);
}
