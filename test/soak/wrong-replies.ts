import type { WrongReply } from "../stand-ins/opend-faults.ts";
import type { Ledger } from "./ledger.ts";
import { WRONG_REPLY_MS, wrongRepliesOf } from "./plan.ts";
import { pause } from "./sharing.ts";
import { truthOf } from "./truth.ts";
import { KEPT, type World } from "./world.ts";

/**
 * OpenD contradicts stored pages now and then: it denies a security, or rows are missing. The stored page must be
 * served all the same. The readers check that.
 */
export async function replyWrong(world: World, ledger: Ledger, totalMs: number): Promise<void> {
  const { opend, seed, report } = world.parts;
  const began = Date.now();
  const rows = new Map(KEPT.map((symbol) => [symbol, truthOf(symbol).rows.length]));
  let active: { readonly reply: WrongReply; readonly until: number }[] = [];
  const update = () => {
    active = active.filter(({ until }) => Date.now() < until);
    opend.set({ wrongReplies: active.map(({ reply }) => reply) });
  };
  for (const { atMs, reply } of wrongRepliesOf(seed, totalMs, rows)) {
    while (!world.ended && Date.now() < began + atMs) {
      await pause(500);
      update();
    }
    if (world.ended) break;
    active.push({ reply, until: Date.now() + WRONG_REPLY_MS });
    update();
    // A stale page is fetched again.
    ledger.forget(reply.symbol);
    await world.age(reply.symbol);
    report.count(`wrong replies: planned, ${reply.reply}`);
  }
  while (!world.ended) {
    await pause(500);
    update();
  }
  opend.set({ wrongReplies: [] });
  report.count("wrong replies: given", opend.stats().answeredWrong);
}
