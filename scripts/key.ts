import { createHash, randomBytes } from "node:crypto";

/**
 * `npm run key -- NAME [--url]`: creates an API key and its entry for API_KEYS. With `--url` the key may be sent as
 * `?key=`, and only reads.
 */

const args = process.argv.slice(2);
const isForUrls = args.includes("--url");
const [name = "", ...rest] = args.filter((arg) => arg !== "--url");
if (!/^[\w.-]{1,64}$/.test(name) || rest.length > 0 || name.startsWith("--")) {
  console.error(
    "usage: npm run key -- NAME [--url]\nNAME must have 1 to 64 letters, digits, dots, dashes or underscores.\n--url makes a key that may be sent as ?key= and only reads.",
  );
  process.exit(1);
}
const key = `si_${randomBytes(32).toString("base64url")}`;
const hexDigest = (algorithm: string, text: string) => createHash(algorithm).update(text).digest("hex");
// The second digest is for OpenD's own clients, which send the MD5 of a key. A key for URLs is not for them.
const last = isForUrls ? "url" : hexDigest("sha256", hexDigest("md5", key));
const entry = `${name}:${hexDigest("sha256", key)}:${last}`;
console.log(`API key for ${name}. It is shown only once and not stored:\n\n  ${key}\n`);
if (isForUrls) console.log("It may be sent as ?key=, and it only reads /v1/short-interest.\n");
console.log(
  `Add this entry to API_KEYS (npx wrangler secret put API_KEYS); separate entries with commas:\n\n  ${entry}\n`,
);
