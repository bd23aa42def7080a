/** Lets the timers of this process end after a hundredth of their time. */
const setRealTimeout = globalThis.setTimeout;
const setFastTimeout = (run: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) =>
  setRealTimeout(run, ms / 100, ...args);
Object.assign(globalThis, { setTimeout: setFastTimeout });
