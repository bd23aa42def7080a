/** Milliseconds until this process notices the end of npm. */
const PARENT_POLL_MS = 500;
const parent = process.ppid;

/**
 * Calls `stop` on SIGINT, SIGTERM and SIGHUP, and if npm has ended, which does not pass on SIGTERM.
 * @param script the npm script of this process
 */
export function onStop(script: string, stop: () => void): void {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, stop);
  if (process.env.npm_lifecycle_event !== script) return;
  setInterval(() => {
    if (process.ppid !== parent) stop();
  }, PARENT_POLL_MS).unref();
}
