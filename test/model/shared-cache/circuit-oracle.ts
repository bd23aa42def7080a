import type { SharedCacheSetting } from "./history.ts";

const FAILURE_THRESHOLD = 5;
const FAILURE_WINDOW_MS = 30_000;
const MIN_OPEN_MS = 10_000;
const MAX_OPEN_MS = 300_000;
const MEMORY_MS = 3_600_000;

/** The expected state of the circuit breaker. Times are Unix times in milliseconds. */
export class CircuitOracle {
  readonly #setting: SharedCacheSetting;
  #failures: readonly number[] = [];
  /** The circuit is open until this time, and then half-open; undefined while it is closed. */
  #openUntil: number | undefined;
  /** The length of its open time. It doubles with each failed probe. */
  #openMs = MIN_OPEN_MS;
  #probe: { readonly lease: string; readonly until: number } | undefined;
  #changedAt = 0;

  constructor(setting: SharedCacheSetting) {
    this.#setting = setting;
  }

  /** Closes the circuit. Any answer of OpenD does that. */
  close(): void {
    this.#failures = [];
    this.#openUntil = undefined;
    this.#openMs = MIN_OPEN_MS;
    this.#probe = undefined;
  }

  /** Time until the circuit is half-open, in milliseconds; 0 if it is not open. */
  openMs(now: number): number {
    this.#forget(now);
    return Math.max(0, (this.#openUntil ?? 0) - now);
  }

  /** For how long it was opened the last time, in milliseconds; 0 if it is closed. */
  periodMs(now: number): number {
    this.#forget(now);
    return this.#openUntil === undefined ? 0 : this.#openMs;
  }

  /** Whether the next call is a probe, or a probe is on its way. */
  isHalfOpen(now: number): boolean {
    return this.openMs(now) === 0 && this.#openUntil !== undefined;
  }

  /** Whether a call is allowed. The probe of `ownLease` does not prevent it. */
  isCallAllowed(now: number, ownLease?: string): boolean {
    const isProbing = this.isHalfOpen(now) && this.#probe !== undefined && this.#probe.until > now;
    return this.openMs(now) === 0 && !(isProbing && this.#probe?.lease !== ownLease);
  }

  /** Records a call. In a half-open circuit it is the probe. */
  call(lease: string, now: number): void {
    if (!this.isHalfOpen(now)) return;
    this.#probe = { lease, until: now + this.#setting.leaseMs };
    this.#changedAt = now;
  }

  /** Records a fetch without an answer. */
  record(lease: string, hasFailed: boolean, now: number): void {
    this.#forget(now);
    const isProbe = this.#probe?.lease === lease;
    if (isProbe) this.#probe = undefined;
    if (isProbe || hasFailed) this.#changedAt = now;
    if (!hasFailed) return;
    this.#failures = [...this.#failures, now].filter((failedAt) => now - failedAt < FAILURE_WINDOW_MS);
    if (isProbe) {
      this.#openMs = Math.min(2 * this.#openMs, MAX_OPEN_MS);
      this.#openUntil = now + this.#openMs;
    } else if (this.#failures.length >= FAILURE_THRESHOLD) {
      this.#openUntil = now + this.#openMs;
    }
  }

  /** Closes a circuit that did not change for an hour. */
  #forget(now: number): void {
    const until = this.#changedAt + MEMORY_MS;
    if (this.#setting.keysEndEarly ? until <= now : until < now) this.close();
  }
}
