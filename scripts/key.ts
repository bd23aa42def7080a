import { createHash, randomBytes } from "node:crypto";

/** `npm run key -- NAME`: creates an API key and its entry for API_KEYS. */

const [name = ""] = process.argv.slice(2);
if (!/^[\w.-]{1,64}$/.test(name)) {
  console.error(
    "usage: npm run key -- NAME\nNAME must have 1 to 64 letters, digits, dots, dashes or underscores.",
  );
  process.exit(1);
}
const key = `si_${randomBytes(32).toString("base64url")}`;
const hexDigest = (algorithm: string, text: string) => createHash(algorithm).update(text).digest("hex");
// The second digest is for OpenD's own clients, which send the MD5 of a key.
const entry = `${name}:${hexDigest("sha256", key)}:${hexDigest("sha256", hexDigest("md5", key))}`;
console.log(`API key for ${name}. It is shown only once and not stored:\n\n  ${key}\n`);
console.log(
  `Add this entry to API_KEYS (npx wrangler secret put API_KEYS); separate entries with commas:\n\n  ${entry}\n`,
);
