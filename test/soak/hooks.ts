import { randomBytes } from "node:crypto";
import { Webhook } from "standardwebhooks";
import { array, nullable, object, parse, picklist, string, unknown } from "valibot";
import type { ReceivedRequest, Receiver } from "../stand-ins/receiver.ts";
import { randomFrom } from "../stand-ins/sample-data.ts";
import { isSame, parseExactly } from "./exact-json.ts";
import { truthOf } from "./oracle.ts";
import { pick } from "./plan.ts";
import { ask, expectCode, IN_THE_WAY, MOST_MS, told } from "./requests.ts";
import { KEPT, type World } from "./world.ts";

/** A key with webhooks, and the receiver of their messages. */

const HOLDER = "hooks";
const MOST = 6;
/** A message, and several commands to Upstash. */
const MOST_HOOK_MS = MOST_MS + 12_000;
/** A webhook may have been deleted meanwhile, or was never registered. */
const REFUSED: ReadonlySet<string> = new Set([
  ...IN_THE_WAY,
  "not_found",
  "unverified_endpoint",
  "limit_reached",
]);

interface Hook {
  readonly id: string;
  readonly path: string;
  readonly symbol: string;
  readonly secret: string;
}

const Made = object({ id: string() });
const Listed = object({ items: array(Made) });
const Watched = object({ symbol_status: array(object({ newest_timestamp: nullable(string()) })) });
const Message = object({ type: picklist(["short_interest.published", "webhook.test"]), data: unknown() });
const Published = object({ symbol: string() });

export class Hooks {
  readonly #world: World;
  readonly #receiver: Receiver;
  readonly #hooks: Hook[] = [];
  /** Secrets by path, also of webhooks whose registration failed. */
  readonly #secrets = new Map<string, string>();
  /** The symbols of received news, by path. */
  readonly #news = new Map<string, string>();
  #seen = 0;

  constructor(world: World, receiver: Receiver) {
    this.#world = world;
    this.#receiver = receiver;
  }

  /** Registers, reads, tests and deletes webhooks until the run ends. */
  async run(): Promise<void> {
    for (let at = 0; !this.#world.ended; at += 1) {
      const random = randomFrom(`${this.#world.parts.seed} hooks ${at}`);
      const wish = random();
      const hook = this.#hooks.at(Math.floor(random() * this.#hooks.length));
      if (!hook || (wish < 0.3 && this.#hooks.length < MOST)) await this.make(pick(KEPT, random));
      else if (wish < 0.4) await this.#end(hook);
      else if (wish < 0.6) this.watch();
      else if (wish < 0.7) await this.#ask(`/${hook.id}/test`, "POST", "{}");
      else await this.#ask(pick(["", `/${hook.id}`, `/${hook.id}/deliveries`], random));
      this.check();
      await new Promise((resolve) => setTimeout(resolve, 1_000 + random() * 2_000));
    }
  }

  #centre() {
    const centres = this.#world.parts.centres.all().filter(({ keyed }) => keyed);
    return centres[0];
  }

  async #ask(path: string, method = "GET", body?: string, own: readonly string[] = []) {
    const centre = this.#centre();
    if (!centre) return undefined;
    const { callers } = this.#world.parts;
    const answer = await ask(this.#world, centre, {
      path: `/v1/webhooks${path}`,
      method,
      caller: callers(HOLDER),
      ...(body !== undefined && { body, headers: { "Content-Type": "application/json" } }),
      mostMs: MOST_HOOK_MS,
      own,
    });
    if (answer?.code !== undefined) expectCode(this.#world, `${method} webhooks`, answer, REFUSED);
    return answer;
  }

  async make(symbol: string): Promise<Hook | undefined> {
    const secret = `whsec_${randomBytes(32).toString("base64")}`;
    const path = `/hooks/${this.#secrets.size}`;
    this.#secrets.set(path, secret);
    this.#world.parts.secrets.add(secret);
    const body = JSON.stringify({ url: this.#receiver.origin + path, symbols: [symbol], secret });
    // The answer contains the secret that the caller has just chosen.
    const answer = await this.#ask("", "POST", body, [secret]);
    if (answer?.status !== 201) return undefined;
    const hook = { id: parse(Made, JSON.parse(answer.text)).id, path, symbol, secret };
    this.#hooks.push(hook);
    return hook;
  }

  /** Deletes all webhooks of the key, with those whose creation or deletion failed half way during a fault. */
  async clear(): Promise<void> {
    const answer = await this.#ask("");
    if (answer?.status !== 200) return;
    for (const { id } of parse(Listed, JSON.parse(answer.text)).items) await this.#ask(`/${id}`, "DELETE");
    this.#hooks.length = 0;
  }

  async #end(hook: Hook): Promise<void> {
    this.#hooks.splice(this.#hooks.indexOf(hook), 1);
    await this.#ask(`/${hook.id}`, "DELETE");
  }

  /** Starts the watch. It may wait for the quota for minutes, so it is not awaited. */
  watch(): void {
    const centre = this.#centre();
    if (centre) fetch(`${centre.origin}/cdn-cgi/handler/scheduled`).catch(() => undefined);
  }

  /** Whether the watch has seen the newest row of the symbol. */
  async hasSeen({ id }: Hook): Promise<boolean> {
    const answer = await this.#ask(`/${id}`);
    if (answer?.status !== 200) return false;
    const { symbol_status: statuses } = parse(Watched, parseExactly(answer.text));
    return statuses.every((status) => status.newest_timestamp !== null);
  }

  hasNews({ path, symbol }: Hook): boolean {
    this.check();
    return this.#news.get(path) === symbol;
  }

  /** Checks the messages since the last check: each must be signed and correct. */
  check(): void {
    const received = this.#receiver.received();
    for (const message of received.slice(this.#seen)) {
      try {
        this.#checkOne(message);
      } catch (thrown) {
        this.#world.parts.report.violated("cached", `a message to ${message.path}: ${told(thrown)}`);
      }
    }
    this.#seen = received.length;
  }

  #checkOne({ path, headers, body }: ReceivedRequest): void {
    const { report, secrets, published } = this.#world.parts;
    const texts = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
    const secret = this.#secrets.get(path) ?? "";
    new Webhook(secret).verify(body, texts);
    const leaked = secrets.foundIn(`${JSON.stringify(texts)}\n${body}`);
    if (leaked) report.violated("secrets", `'${leaked}' in a message to a receiver`);
    const { type, data } = parse(Message, parseExactly(body));
    report.count(`messages: ${type}`);
    if (type === "webhook.test") return;
    const { symbol } = parse(Published, data);
    const { market } = truthOf(symbol);
    const right = published.after(truthOf(symbol), "").some(([row, previous]) => {
      return isSame(data, { symbol, market, row: row?.record ?? null, previous: previous?.record ?? null });
    });
    if (!right) report.violated("cached", `a message has a wrong row of ${symbol}: ${body}`);
    this.#news.set(path, symbol);
  }
}
