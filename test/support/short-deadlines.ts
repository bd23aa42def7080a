import { DEADLINES } from "../../functions/timeout.ts";

/**
 * Shortens the deadlines of this process or Worker, but not that of Upstash, which a busy machine would miss. The
 * request's is a whole number of seconds, as in its message.
 */
Object.assign(DEADLINES, { request: 2_000, connect: 1_000, login: 1_000, call: 1_000 });
