/**
 * Redis commands of each event, those inside scripts included, as Upstash bills them. A test measures them
 * (`test/page-source/command-cost.test.ts`), and the table of costs in `docs/deploy.md` is made of them.
 */
export const COMMAND_COSTS = {
  /** The first page of a symbol that was never requested. */
  coldPage: 16,
  /** The same after several of them, so that its fetch is prepared while the shared cache is read. */
  preparedColdPage: 16,
  /** A fresh page of the edge cache. */
  edgeHit: 0,
  /** The same with `include=first_seen_at`. */
  edgeHitWithFirstSeen: 1,
  /** Other rows of the same page after that. */
  edgeHitWithFirstSeenAgain: 0,
  /** A first page of the shared cache. */
  look: 1,
  /** The same after several cold pages, so that a prepared fetch is not used. */
  lookWithUnusedFetch: 6,
  /** Rows after a cursor that lies within a page of the shared cache. */
  lookByCursor: 2,
  /** A stale first page; OpenD has the same rows. */
  refreshUnchanged: 16,
  /** A stale first page; OpenD has a new row. */
  refreshWithNewRow: 17,
  /** A page that is refused because the limit is reached. */
  refused: 10,
  /** Another page in the same data center after that. */
  refusedAgain: 1,
  /** A page that is not cached, while the circuit is open. */
  circuitOpen: 1,
  /** A stale page in a new data center, while the circuit is open. */
  circuitOpenStale: 1,
  unknownSymbol: 14,
  metrics: 6,
  /** A run of the poller with nothing due. */
  pollerIdle: 2,
  /** A run of the poller that fetches the page of one symbol. */
  pollerWithSymbol: 27,
  /** A replay of two held messages. */
  replay: 5,
  /** A webhook without held messages. */
  replayOfNothing: 3,
} as const;

export type CostEvent = keyof typeof COMMAND_COSTS;
