import type { SharedCacheSetting } from "./history.ts";

const FAILURE_THRESHOLD = 5;
const FAILURE_WINDOW_MS = 30_000;
const OPEN_MS = 10_000;
const MEMORY_MS = 3_600_000;

/** The expected state of the circuit breaker. Times are Unix times in milliseconds. */
export class CircuitOracle {
  readonly #setting: SharedCacheSetting;
  #failures: readonly number[] = [];
  /** The circuit is open until this time, and then half-open; undefined while it is closed. */
  #openUntil: number | undefined;
  #probe: { readonly lease: string; readonly until: number } | undefined;

  constructor(setting: SharedCacheSetting) {
    this.#setting = setting;
  }

  /** Closes the circuit. Any answer of OpenD does that. */
  close(): void {
    this.#failures = [];
    this.#openUntil = undefined;
    this.#probe = undefined;
  }

  /** Time until the circuit is half-open, in milliseconds; 0 if it is not open. */
  openMs(now: number): number {
    this.#forget(now);
    return Math.max(0, (this.#openUntil ?? 0) - now);
  }

  /**
   * Allows a call, or refuses it.
   * @returns undefined if the call is allowed; otherwise the time until the circuit is half-open, in milliseconds, or
   *   0 while another lease is the probe
   */
  admit(lease: string, now: number): number | undefined {
    this.#forget(now);
    if (this.#openUntil === undefined) return undefined;
    if (this.#openUntil > now) return this.#openUntil - now;
    if (this.#probe && this.#probe.until > now) return 0;
    this.#probe = { lease, until: now + this.#setting.leaseMs };
    return undefined;
  }

  /** Records a fetch without an answer. */
  record(lease: string, hasFailed: boolean, now: number): void {
    this.#forget(now);
    const isProbe = this.#probe?.lease === lease;
    if (isProbe) this.#probe = undefined;
    if (!hasFailed) return;
    this.#failures = [...this.#failures, now];
    const recent = this.#failures.filter((failedAt) => now - failedAt < FAILURE_WINDOW_MS);
    if (isProbe || recent.length >= FAILURE_THRESHOLD) this.#openUntil = now + OPEN_MS;
  }

  /** Closes a circuit that had no failure for an hour. */
  #forget(now: number): void {
    const until = (this.#failures.at(-1) ?? now) + MEMORY_MS;
    if (this.#setting.keysEndEarly ? until <= now : until < now) this.close();
  }
}
