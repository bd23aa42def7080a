import { Failure } from "../errors.ts";
import type { AppContext } from "../middleware/app-env.ts";

const DAY_MS = 86_400_000;
/** How long a copy of the file is valid at least. RFC 9116 recommends less than a year. */
const CONTACT_VALID_MS = 30 * DAY_MS;

/**
 * `GET /.well-known/security.txt` (RFC 9116). It is made for each request, because a file that was made by a build
 * would expire without a new one.
 * @throws Failure `not_found` if the operator has set no contact
 */
export function getSecurityContact(context: AppContext): Response {
  const { securityContact } = context.var.config;
  if (securityContact === undefined) throw new Failure("not_found", "SECURITY_CONTACT is not set");
  return context.text(securityText(securityContact, new URL(context.req.url).origin, Date.now()), 200, {
    "Cache-Control": "public, max-age=86400",
  });
}

/** @param now Unix time in milliseconds. The same text is returned all day (UTC), so that its ETag is stable. */
export function securityText(contact: string, origin: string, now: number): string {
  const expires = new Date(Math.ceil(now / DAY_MS) * DAY_MS + CONTACT_VALID_MS);
  return `Contact: ${contact}
Expires: ${expires.toISOString().replace(".000", "")}
Preferred-Languages: en
Canonical: ${origin}/.well-known/security.txt
`;
}
