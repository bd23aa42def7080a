import { createHash, randomBytes } from "node:crypto";

/** `npm run key -- NAME`: makes a key, and what API_KEYS is to hold of it. */

const [name = ""] = process.argv.slice(2);
if (!/^[\w.-]{1,64}$/.test(name)) {
  console.error(
    "usage: npm run key -- NAME\nA name is 1 to 64 letters, digits, dots, dashes or underscores.",
  );
  process.exit(1);
}
const key = `si_${randomBytes(32).toString("base64url")}`;
const hash = (algorithm: string, text: string) => createHash(algorithm).update(text).digest("hex");
// The second is for OpenD's own clients, which send the MD5 of a key.
const entry = `${name}:${hash("sha256", key)}:${hash("sha256", hash("md5", key))}`;
console.log(`The key, for ${name} alone; it is shown this once and stored nowhere:\n\n  ${key}\n`);
console.log(
  `Add to API_KEYS, after a comma where there are others (npx wrangler secret put API_KEYS):\n\n  ${entry}\n`,
);
