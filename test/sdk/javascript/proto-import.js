import { registerHooks } from "node:module";
import protoRoot from "futu-api/proto.js";

/**
 * Lets plain Node import the names of "futu-api/proto", as the vendor's example does. Bundlers find them. Node does not:
 * the package has a folder of that name too, and a CommonJS module without names.
 */
export const { Common, Qot_Common } = protoRoot;

registerHooks({
  resolve(specifier, context, nextResolve) {
    if (specifier !== "futu-api/proto") return nextResolve(specifier, context);
    return { url: import.meta.url, shortCircuit: true };
  },
});
