import { object, optional, parse, string } from "valibot";
import { record, stringify } from "../short-interest/json.ts";
import type { Page } from "../short-interest/page.ts";
import { formatSymbol, type SecuritySymbol } from "../short-interest/symbol.ts";
import type { Next, Try } from "./schedule.ts";

/** What is sent, and what is remembered of it. */

export const PUBLISHED = "short_interest.published";
export const TEST = "webhook.test";

/** A message, as it is sent on every try. */
export interface Message {
  /** Has no full stop, which its signature is made with. */
  readonly id: string;
  readonly body: string;
}

/**
 * The message that the first row of a page was published. The same row makes the same id, whoever sees it, and
 * however often.
 * @param now Unix time, milliseconds
 */
export async function publishedMessage(
  symbol: SecuritySymbol,
  { rows }: Page,
  now: number,
): Promise<Message> {
  const [row, previous] = rows;
  const name = formatSymbol(symbol);
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(`${name} ${row?.timestamp}`));
  const data = {
    symbol: name,
    market: symbol.market,
    row: row ? record(symbol.market, row) : null,
    previous: previous ? record(symbol.market, previous) : null,
  };
  return { id: `msg_${new Uint8Array(digest).slice(0, 16).toHex()}`, body: bodyOf(PUBLISHED, data, now) };
}

/**
 * A message that says nothing but that it arrives.
 * @param now Unix time, milliseconds
 */
export function testMessage(webhook: string, now: number): Message {
  const id = `msg_${crypto.randomUUID().replaceAll("-", "")}`;
  return { id, body: bodyOf(TEST, { webhook }, now) };
}

function bodyOf(type: string, data: object, now: number): string {
  return stringify({ type, timestamp: new Date(now).toISOString(), data });
}

const Body = object({ type: string(), data: object({ symbol: optional(string()) }) });

/** A try as it is remembered and shown, as JSON. Its times are Unix times in seconds. */
export function entryOf({ id, body }: Message, tried: Try, { dueAt }: Pick<Next, "dueAt">): string {
  const { type, data } = parse(Body, JSON.parse(body));
  return stringify({
    id,
    type,
    symbol: data.symbol ?? null,
    at: Math.floor(tried.at / 1_000),
    status: tried.status,
    error: tried.error,
    milliseconds: tried.milliseconds,
    next_try_at: dueAt === null ? null : Math.ceil(dueAt / 1_000),
  });
}
