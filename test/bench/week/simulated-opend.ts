import { create, toBinary } from "@bufbuild/protobuf";
import { Failure } from "../../../functions/errors.ts";
import type { PageRequest } from "../../../functions/opend/short-interest.ts";
import { END_CURSOR, FIRST_CURSOR } from "../../../functions/short-interest/page.ts";
import { ResponseSchema } from "../../../gen/Qot_GetShortInterest_pb.js";
import type { PublicationPlan } from "./publication-plan.ts";

/** An OpenD that has the published rows of a plan, for every symbol. */
export class SimulatedOpend {
  /** The times of all calls, in milliseconds. */
  readonly calls: number[] = [];
  /** Connections opened before the shared cache was read, and calls on them. */
  readonly ahead = { opened: 0, called: 0 };
  isDown = false;
  readonly #plan: PublicationPlan;
  readonly #now: () => number;
  /** All symbols of a market have the same rows, so they share their replies. */
  readonly #replies = new Map<string, Uint8Array<ArrayBuffer>>();

  constructor(plan: PublicationPlan, now: () => number) {
    this.#plan = plan;
    this.#now = now;
  }

  /** @throws Failure `opend_unreachable` while it is down */
  async connect(): Promise<void> {
    if (this.isDown) throw new Failure("opend_unreachable", "OpenD is down");
  }

  async call({ symbol: { market }, cursor, num }: PageRequest): Promise<Uint8Array<ArrayBuffer>> {
    this.calls.push(this.#now());
    const before = cursor === FIRST_CURSOR ? Number.POSITIVE_INFINITY : Number(cursor);
    const published = this.#plan[market].filter(
      ({ timestamp, published }) => published <= this.#now() && timestamp < before,
    );
    const timestamps = published
      .slice(-num)
      .reverse()
      .map(({ timestamp }) => timestamp);
    const nextKey = timestamps.length < published.length ? String(timestamps.at(-1)) : END_CURSOR;
    const name = [market, timestamps[0], timestamps.length].join(" ");
    let reply = this.#replies.get(name);
    if (reply === undefined) {
      const rows = timestamps.map((timestamp) => ({ timestamp: BigInt(timestamp) }));
      const s2c = { nextKey, [market === "HK" ? "hkItemList" : "usItemList"]: rows };
      reply = toBinary(ResponseSchema, create(ResponseSchema, { retType: 0, s2c })).slice();
      this.#replies.set(name, reply);
    }
    return reply;
  }
}
