import worker from "../../functions/index.ts";
import { DEADLINES } from "../../functions/timeout.ts";

/** The Worker with short deadlines, for responses that a deadline causes. In milliseconds, but whole seconds. */
Object.assign(DEADLINES, { request: 2_000, connect: 1_000, login: 1_000, call: 1_000 });

export default worker;
