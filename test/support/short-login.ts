/** Milliseconds from the upgrade to a login in the Worker with short deadlines. */
export const SHORT_LOGIN_MS = 4_000;
