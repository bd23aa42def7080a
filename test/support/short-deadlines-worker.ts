import "./short-deadlines.ts";
import worker from "../../functions/index.ts";
import { SOCKET_LIMITS } from "../../functions/opend-server/connection.ts";
import { SHORT_LOGIN_MS } from "./short-login.ts";

Object.assign(SOCKET_LIMITS, { loginMs: SHORT_LOGIN_MS });

/** The Worker with short deadlines, for responses and closures that a deadline causes. */
export default worker;
