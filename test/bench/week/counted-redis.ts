import { READ_OR_LEASE_SCRIPT } from "../../../functions/page-source/shared-cache-scripts.ts";
import type { Upstash } from "../../../functions/upstash.ts";
import type { VirtualRedis } from "../../model/redis/virtual-redis.ts";
import { createVirtualUpstash, type Executor } from "../../model/redis/virtual-upstash.ts";
import type { VirtualClock } from "./clock.ts";

/** The purpose of a Redis command. A `look` reads the shared cache; a `store` writes it, or settles a permit with it. */
export type Purpose = "look" | "store" | "permit" | "counter";

/** A Redis on the clock of the simulation, which counts the commands of each purpose. */
export class CountedRedis {
  readonly counts: Record<Purpose, number> = { look: 0, store: 0, permit: 0, counter: 0 };
  readonly #redis: VirtualRedis;
  readonly #clock: VirtualClock;

  /** Empties the database. */
  constructor(redis: VirtualRedis, clock: VirtualClock) {
    redis.reset();
    this.#redis = redis;
    this.#clock = clock;
  }

  /** Commands of all purposes, as `INFO commandstats` counts them. */
  total(): number {
    return this.#redis.commands();
  }

  /** A client whose commands have one purpose. */
  clientFor(purpose: Purpose): Upstash {
    return this.#client(() => purpose);
  }

  /** A client for the shared cache. */
  sharedCacheClient(): Upstash {
    return this.#client((script) =>
      script === undefined || script === READ_OR_LEASE_SCRIPT ? "look" : "store",
    );
  }

  #client(purposeOf: (script: string | undefined) => Purpose): Upstash {
    const counted = (script: string | undefined, run: () => unknown) => {
      this.#redis.micros = this.#clock.now() * 1_000;
      const before = this.#redis.commands();
      try {
        return run();
      } finally {
        this.counts[purposeOf(script)] += this.#redis.commands() - before;
      }
    };
    const executor: Executor = {
      run: (call) => counted(call.script, () => this.#redis.run(call)),
      command: (...command) =>
        counted(command[0] === "EVAL" ? command[1] : undefined, () => this.#redis.command(...command)),
    };
    return createVirtualUpstash(executor);
  }
}
