/** The Redis key of the permit log. */
export const PERMIT_LOG = "short-interest:permits";

/** A line of the permit log. */
export interface PermitEntry {
  /** The latest time at which the call can reach OpenD, in milliseconds. */
  readonly score: number;
  readonly id: string;
  /** What the permit counts for its client: 2 for a wasted call, 1 for all others. */
  readonly weight: number;
  readonly client: string;
}

/**
 * Parses the permit log.
 * @param log the value of its key; null if it is missing
 */
export function permitsOf(log: unknown): PermitEntry[] {
  return String(log ?? "")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [, score, id = "", weight, client = ""] = /^(\d+) (\S+) (\d) (.*)$/.exec(line) ?? [];
      if (score === undefined) throw new Error(`Not a line of the permit log: ${line}`);
      return { score: Number(score), id, weight: Number(weight), client };
    });
}

/** Reads the permit log. `redis` runs a command. */
export async function readPermits(
  redis: (name: string, ...args: string[]) => Promise<unknown>,
): Promise<PermitEntry[]> {
  return permitsOf(await redis("GET", PERMIT_LOG));
}

/** What the permits count for a client. */
export function weightOf(permits: readonly PermitEntry[], client: string): number {
  return permits.filter((permit) => permit.client === client).reduce((sum, { weight }) => sum + weight, 0);
}

/** Makes all permits of the log older by `ms` milliseconds. */
export async function agePermits(
  redis: (name: string, ...args: string[]) => Promise<unknown>,
  ms: number,
): Promise<void> {
  const lines = (await readPermits(redis)).map(
    ({ score, id, weight, client }) => `${score - ms} ${id} ${weight} ${client}\n`,
  );
  await redis("SET", PERMIT_LOG, lines.join(""), "KEEPTTL");
}
