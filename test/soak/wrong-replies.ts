import type { WrongReply } from "../stand-ins/opend-faults.ts";
import type { Ledger } from "./ledger.ts";
import { WRONG_REPLY_MS } from "./plan.ts";
import type { World } from "./world.ts";

/**
 * OpenD contradicts stored pages: it denies a security, or rows are missing. The stored page must be served all the
 * same. The readers check that.
 */
export class WrongReplies {
  readonly #world: World;
  readonly #ledger: Ledger;
  #active: readonly WrongReply[] = [];

  constructor(world: World, ledger: Ledger) {
    this.#world = world;
    this.#ledger = ledger;
  }

  /** Contradicts the pages from now on, for a while. They become stale, so that they are fetched. */
  async begin(replies: readonly WrongReply[]): Promise<void> {
    this.#set([...this.#active, ...replies]);
    const end = () => this.#set(this.#active.filter((each) => !replies.includes(each)));
    setTimeout(end, WRONG_REPLY_MS).unref();
    for (const { symbol, reply } of replies) {
      this.#world.parts.report.count(`wrong replies: pages with ${reply}`);
      this.#ledger.forget(symbol);
      await this.#world.age(symbol);
    }
  }

  end(): void {
    const { opend, report } = this.#world.parts;
    this.#set([]);
    report.count("wrong replies: given in all", opend.stats().wrongReplies);
  }

  #set(replies: readonly WrongReply[]): void {
    this.#active = replies;
    this.#world.parts.opend.set({ wrongReplies: replies });
  }
}
