import type { Setting } from "./history.ts";

const FAILURES = 5;
const FAILURE_WINDOW_MS = 30_000;
const OPEN_MS = 10_000;
const MEMORY_MS = 3_600_000;

/** The promises of the circuit breaker. Times are Unix times in milliseconds. */
export class CircuitOracle {
  readonly #setting: Setting;
  #failures: readonly number[] = [];
  /** Until when the circuit is open; undefined while it is closed. */
  #openUntil: number | undefined;
  #probe: { readonly lease: string; readonly until: number } | undefined;

  constructor(setting: Setting) {
    this.#setting = setting;
  }

  /** An answer of OpenD closes the circuit. */
  close(): void {
    this.#failures = [];
    this.#openUntil = undefined;
    this.#probe = undefined;
  }

  /** For how long the circuit is open, in milliseconds; 0 if it is not. */
  openMs(now: number): number {
    this.#forget(now);
    return Math.max(0, (this.#openUntil ?? 0) - now);
  }

  /** Admits a call. Returns for how long the circuit is open if it does not: 0 while another lease probes. */
  admit(lease: string, now: number): number | undefined {
    this.#forget(now);
    if (this.#openUntil === undefined) return undefined;
    if (this.#openUntil > now) return this.#openUntil - now;
    if (this.#probe && this.#probe.until > now) return 0;
    this.#probe = { lease, until: now + this.#setting.leaseMs };
    return undefined;
  }

  /** Notes a fetch that ended without an answer. */
  record(lease: string, hasFailed: boolean, now: number): void {
    this.#forget(now);
    const isProbe = this.#probe?.lease === lease;
    if (isProbe) this.#probe = undefined;
    if (!hasFailed) return;
    this.#failures = [...this.#failures, now];
    const recent = this.#failures.filter((at) => now - at < FAILURE_WINDOW_MS);
    if (isProbe || recent.length >= FAILURES) this.#openUntil = now + OPEN_MS;
  }

  /** A circuit without a failure for an hour is closed. */
  #forget(now: number): void {
    const until = (this.#failures.at(-1) ?? now) + MEMORY_MS;
    if (this.#setting.keysEndEarly ? until <= now : until < now) this.close();
  }
}
