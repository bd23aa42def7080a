/** How likely the next lookup of the shared cache leads to a call to OpenD, by the last lookups of this isolate. */
export interface FetchLikelihood {
  /** Whether most of the last lookups fetched their page; the later a lookup, the more it weighs. */
  isLikely(): boolean;
  /** @param fetched whether a lookup fetched its page */
  add(fetched: boolean): void;
  /** After a failed connection, fetches are unlikely until several lookups have fetched their page. */
  reset(): void;
}

/** The likelihood of a lookup that is not to connect ahead. */
export const UNLIKELY: FetchLikelihood = {
  isLikely: () => false,
  add: () => undefined,
  reset: () => undefined,
};

/**
 * The weight of the last lookup: five fetches in a row make the next one likely. `npm run bench -- week` counts the
 * unused connections: with a larger weight there are too many.
 */
const WEIGHT = 0.15;
const MIN_LIKELIHOOD = 0.5;

/** Moving average of this isolate, 0 to 1, by database: an isolate may serve several configurations. */
const averages = new Map<string, number>();

/** @param database identifies the database */
export function createFetchLikelihood(database: string): FetchLikelihood {
  const average = () => averages.get(database) ?? 0;
  return {
    isLikely: () => average() >= MIN_LIKELIHOOD,
    add(fetched) {
      averages.set(database, average() + WEIGHT * (Number(fetched) - average()));
    },
    reset() {
      averages.delete(database);
    },
  };
}
