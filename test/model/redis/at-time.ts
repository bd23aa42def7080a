import type { ScriptCall } from "../../../functions/upstash.ts";

/** Sets the clock of a script to a fixed time, because the two databases have no common clock. */
export function atTime(micros: number, call: ScriptCall): ScriptCall {
  const time = `{'${Math.floor(micros / 1_000_000)}', '${micros % 1_000_000}'}`;
  const script = `local redis = {call = (function(call)
  return function(name, ...) if name == 'TIME' then return ${time} end return call(name, ...) end
end)(redis.call)}
${call.script}`;
  return { ...call, script };
}
