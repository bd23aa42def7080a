import { DEADLINES } from "../../functions/timeout.ts";

/** Shortens the wait for the reply to a login. Other deadlines stay: a busy machine may miss shorter ones. */
Object.assign(DEADLINES, { login: 1_000 });
