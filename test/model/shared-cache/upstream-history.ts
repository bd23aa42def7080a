import { create, toBinary } from "@bufbuild/protobuf";
import type { PageKey } from "../../../functions/page-source/cached-reply.ts";
import { END_CURSOR } from "../../../functions/short-interest/page.ts";
import { ResponseSchema } from "../../../gen/Qot_GetShortInterest_pb.js";
import { START_MS } from "./history.ts";

/** The number of rows of a page. */
export const PAGE_ROWS = 3;
const DAY_S = 86_400;
/** Seconds between two rows: Hong Kong has weekly rows. */
export const ROW_S = 7 * DAY_S;

/** Wrong replies of OpenD: an unknown security, no rows, an older page, or too few rows. */
export const WRONG_REPLIES = ["denial", "empty", "older", "truncated"] as const;
export type WrongReplyKind = (typeof WRONG_REPLIES)[number];

/** A reply of OpenD, and its facts. */
export interface Reply {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly isDenial: boolean;
  /** Timestamps in seconds, newest first. */
  readonly rows: readonly number[];
  readonly next: string | null;
}

/** The history of one security in OpenD. */
export class Security {
  readonly symbol: string;
  /** Whether cursors are not timestamps. */
  readonly hasOpaqueCursors: boolean;
  /** Timestamps in seconds, newest first. */
  rows: readonly number[];
  #older: readonly number[];
  /** The short interest of each row. A split changes it, but not the timestamps. */
  #shares = 1n;

  /** @param newestRowDays days from the newest row to the start of the history */
  constructor(symbol: string, rows: number, newestRowDays: number, hasOpaqueCursors: boolean) {
    const newest = START_MS / 1_000 - newestRowDays * DAY_S;
    this.symbol = symbol;
    this.hasOpaqueCursors = hasOpaqueCursors;
    this.rows = Array.from({ length: rows }, (_, row) => newest - row * ROW_S);
    this.#older = this.rows.slice(1);
  }

  /** Adds a newest row. */
  publish(): void {
    this.#older = this.rows;
    this.rows = [...this.rows.slice(0, 1).map((newest) => newest + ROW_S), ...this.rows];
  }

  /** Changes the values of all rows, as after a split. */
  split(): void {
    this.#shares += 1n;
  }

  cursorOf(timestamp: number): string {
    return this.hasOpaqueCursors ? `after-${timestamp}` : String(timestamp);
  }

  reply({ cursor, num }: PageKey, fault: WrongReplyKind | undefined): Reply {
    const history = fault === "older" ? this.#older : this.rows;
    const after = cursor === "" ? Number.POSITIVE_INFINITY : Number(cursor.replace("after-", ""));
    const following = history.filter((timestamp) => timestamp < after);
    const rows = following.slice(0, num ?? PAGE_ROWS);
    const last = rows.at(-1);
    if (fault === "denial") return this.#encode([], null, true);
    if (fault === "empty") return this.#encode([], null);
    if (fault === "truncated") return this.#encode(rows.slice(0, -1), null);
    return this.#encode(
      rows,
      following.length > rows.length && last !== undefined ? this.cursorOf(last) : null,
    );
  }

  #encode(rows: readonly number[], next: string | null, isDenial = false): Reply {
    const hkItemList = rows.map((timestamp) => ({
      timestamp: BigInt(timestamp),
      aggregatedShort: this.#shares,
    }));
    const response = create(
      ResponseSchema,
      isDenial
        ? { retType: -1, retMsg: `Unknown stock ${this.symbol}` }
        : { retType: 0, s2c: { hkItemList, nextKey: next ?? END_CURSOR } },
    );
    return { bytes: new Uint8Array(toBinary(ResponseSchema, response)), isDenial, rows, next };
  }
}
