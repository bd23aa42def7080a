import dns from "node:dns/promises";
import { syncBuiltinESMExports } from "node:module";

/** Lets this process believe that every host has a public address. Connections go to the host nevertheless. */
Object.assign(dns, { lookup: async () => [{ address: "203.0.113.7", family: 4 }] });
syncBuiltinESMExports();
