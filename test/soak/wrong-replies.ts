import type { WrongReply } from "../stand-ins/opend-faults.ts";
import type { CallMonitor } from "./call-monitor.ts";
import { WRONG_REPLY_MS } from "./plan.ts";
import type { World } from "./world.ts";

/**
 * Lets OpenD contradict stored pages: it refuses a security, or rows are missing. The stored page must still be
 * served. The readers check that.
 */
export class WrongReplies {
  readonly #world: World;
  readonly #monitor: CallMonitor;
  #active: readonly WrongReply[] = [];

  constructor(world: World, monitor: CallMonitor) {
    this.#world = world;
    this.#monitor = monitor;
  }

  /** Starts wrong replies for `WRONG_REPLY_MS`, and makes their pages stale, so that they are fetched. */
  async begin(replies: readonly WrongReply[]): Promise<void> {
    this.#set([...this.#active, ...replies]);
    const end = () => this.#set(this.#active.filter((reply) => !replies.includes(reply)));
    setTimeout(end, WRONG_REPLY_MS).unref();
    for (const { symbol, reply } of replies) {
      this.#world.deps.report.count(`wrong replies: × ${reply} planned`);
      this.#monitor.forgetCalls(symbol);
      await this.#world.makeStale(symbol);
    }
  }

  end(): void {
    const { opend, report } = this.#world.deps;
    this.#set([]);
    report.count("wrong replies: sent in total", opend.stats().wrongReplies);
  }

  #set(replies: readonly WrongReply[]): void {
    this.#active = replies;
    this.#world.deps.opend.set({ wrongReplies: replies });
  }
}
