import { randomBytes } from "node:crypto";
import { Webhook } from "standardwebhooks";
import { array, nullable, object, parse, picklist, string, unknown } from "valibot";
import type { ReceivedRequest, Receiver } from "../stand-ins/receiver.ts";
import { randomFrom } from "../stand-ins/sample-data.ts";
import { isSame, parseExactly } from "./exact-json.ts";
import { expectedHistory } from "./oracle.ts";
import { pick } from "./plan.ts";
import { errorMessage, expectCode, FAULT_CODES, MAX_REQUEST_MS, sendRequest } from "./requests.ts";
import { STORED_SYMBOLS, type World } from "./world.ts";

/** A caller with webhooks, and the receiver of their messages. */

const CALLER = "webhooks";
const MAX_WEBHOOKS = 6;
/** A request for webhooks may also wait for a test message, and for several commands to Upstash. */
const MAX_WEBHOOK_MS = MAX_REQUEST_MS + 12_000;
/** A webhook may be deleted already, and a registration may have failed. */
const EXPECTED_CODES: ReadonlySet<string> = new Set([
  ...FAULT_CODES,
  "not_found",
  "unverified_endpoint",
  "limit_reached",
]);

interface RegisteredWebhook {
  readonly id: string;
  readonly path: string;
  readonly symbol: string;
  readonly secret: string;
}

const Created = object({ id: string() });
const Listed = object({ items: array(Created) });
const Details = object({ symbol_status: array(object({ newest_timestamp: nullable(string()) })) });
const Message = object({ type: picklist(["short_interest.published", "webhook.test"]), data: unknown() });
const Published = object({ symbol: string() });

export class WebhookClient {
  readonly #world: World;
  readonly #receiver: Receiver;
  readonly #webhooks: RegisteredWebhook[] = [];
  /** Secrets by path, including those of failed registrations. */
  readonly #secrets = new Map<string, string>();
  /** The symbol of the last message about a new row, by path. */
  readonly #publishedSymbols = new Map<string, string>();
  #checkedCount = 0;

  constructor(world: World, receiver: Receiver) {
    this.#world = world;
    this.#receiver = receiver;
  }

  /** Registers, reads, tests and deletes webhooks until the run ends. */
  async run(): Promise<void> {
    for (let step = 0; !this.#world.isEnded; step += 1) {
      const random = randomFrom(`${this.#world.deps.seed} webhooks ${step}`);
      const chance = random();
      const webhook = this.#webhooks.at(Math.floor(random() * this.#webhooks.length));
      if (!webhook || (chance < 0.3 && this.#webhooks.length < MAX_WEBHOOKS))
        await this.create(pick(STORED_SYMBOLS, random));
      else if (chance < 0.4) await this.#delete(webhook);
      else if (chance < 0.6) this.runPoller();
      else if (chance < 0.7) await this.#request(`/${webhook.id}/test`, "POST", "{}");
      else await this.#request(pick(["", `/${webhook.id}`, `/${webhook.id}/deliveries`], random));
      this.checkMessages();
      await new Promise((resolve) => setTimeout(resolve, 1_000 + random() * 2_000));
    }
  }

  #center() {
    const centers = this.#world.deps.centers.all().filter(({ requiresKey }) => requiresKey);
    return centers[0];
  }

  async #request(path: string, method = "GET", body?: string, ownSecrets: readonly string[] = []) {
    const center = this.#center();
    if (!center) return undefined;
    const { callers } = this.#world.deps;
    const response = await sendRequest(this.#world, center, {
      path: `/v1/webhooks${path}`,
      method,
      caller: callers(CALLER),
      ...(body !== undefined && { body, headers: { "Content-Type": "application/json" } }),
      maxMs: MAX_WEBHOOK_MS,
      ownSecrets,
    });
    if (response?.code !== undefined) expectCode(this.#world, `${method} webhooks`, response, EXPECTED_CODES);
    return response;
  }

  async create(symbol: string): Promise<RegisteredWebhook | undefined> {
    const secret = `whsec_${randomBytes(32).toString("base64")}`;
    const path = `/webhooks/${this.#secrets.size}`;
    this.#secrets.set(path, secret);
    this.#world.deps.secrets.add(secret);
    const body = JSON.stringify({ url: this.#receiver.origin + path, symbols: [symbol], secret });
    // The response contains the secret of the request.
    const response = await this.#request("", "POST", body, [secret]);
    if (response?.status !== 201) return undefined;
    const webhook = { id: parse(Created, JSON.parse(response.text)).id, path, symbol, secret };
    this.#webhooks.push(webhook);
    return webhook;
  }

  /** Deletes all webhooks of the key, including those whose creation or deletion was interrupted by a fault. */
  async deleteAll(): Promise<void> {
    const response = await this.#request("");
    if (response?.status !== 200) return;
    const { items } = parse(Listed, JSON.parse(response.text));
    for (const { id } of items) await this.#request(`/${id}`, "DELETE");
    this.#webhooks.length = 0;
  }

  async #delete(webhook: RegisteredWebhook): Promise<void> {
    this.#webhooks.splice(this.#webhooks.indexOf(webhook), 1);
    await this.#request(`/${webhook.id}`, "DELETE");
  }

  /** Starts the poller. It may wait for permits for minutes, so it is not awaited. */
  runPoller(): void {
    const center = this.#center();
    if (center) fetch(`${center.origin}/cdn-cgi/handler/scheduled`).catch(() => undefined);
  }

  /** Whether the poller knows the newest row of all symbols of a webhook. */
  async hasBaseline({ id }: RegisteredWebhook): Promise<boolean> {
    const response = await this.#request(`/${id}`);
    if (response?.status !== 200) return false;
    const { symbol_status } = parse(Details, parseExactly(response.text));
    return symbol_status.every(({ newest_timestamp }) => newest_timestamp !== null);
  }

  /** Whether a webhook has received a message about a new row. */
  hasMessage({ path, symbol }: RegisteredWebhook): boolean {
    this.checkMessages();
    return this.#publishedSymbols.get(path) === symbol;
  }

  /** Checks the signatures and contents of all messages since the last check. */
  checkMessages(): void {
    const received = this.#receiver.received();
    for (const message of received.slice(this.#checkedCount)) {
      try {
        this.#checkMessage(message);
      } catch (thrown) {
        this.#world.deps.report.violation(
          "incorrectResponse",
          `message to ${message.path}: ${errorMessage(thrown)}`,
        );
      }
    }
    this.#checkedCount = received.length;
  }

  #checkMessage({ path, headers, body }: ReceivedRequest): void {
    const { report, secrets, published } = this.#world.deps;
    const headerTexts = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, String(value)]),
    );
    const secret = this.#secrets.get(path) ?? "";
    new Webhook(secret).verify(body, headerTexts);
    const leaked = secrets.findIn(`${JSON.stringify(headerTexts)}\n${body}`);
    if (leaked) report.violation("leakedSecret", `'${leaked}' in a webhook message`);
    const { type, data } = parse(Message, parseExactly(body));
    report.count(`webhook messages: × ${type}`);
    if (type === "webhook.test") return;
    const { symbol } = parse(Published, data);
    const { market } = expectedHistory(symbol);
    const isCorrect = published.rowsAfter(expectedHistory(symbol), "").some(([row, previous]) => {
      return isSame(data, { symbol, market, row: row?.record ?? null, previous: previous?.record ?? null });
    });
    if (!isCorrect) report.violation("incorrectResponse", `webhook message with a wrong row: ${body}`);
    this.#publishedSymbols.set(path, symbol);
  }
}
