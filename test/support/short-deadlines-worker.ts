import "./short-deadlines.ts";
import worker from "../../functions/index.ts";

/** The Worker with short deadlines, for responses that a deadline causes. */
export default worker;
