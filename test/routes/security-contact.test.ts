import { describe, expect, it } from "vitest";
import { securityText } from "../../functions/routes/security-contact.ts";
import { startService } from "../support/service.ts";

const PATH = "/.well-known/security.txt";
const DAY_MS = 86_400_000;

describe("security.txt", () => {
  it("has the contact of the operator, and expires in 30 to 31 days", async () => {
    const service = await startService({}, { SECURITY_CONTACT: "mailto:security@example.com" });
    const response = await service.get(PATH);
    expect(response.headers.get("Content-Type")).toMatch(/^text\/plain; charset=utf-8$/i);
    const text = await response.text();
    expect(text).toMatch(/^Contact: mailto:security@example\.com\nExpires: \S+\n/);
    const days = (Date.parse(/^Expires: (\S+)$/m.exec(text)?.[1] ?? "") - Date.now()) / DAY_MS;
    expect(days).toBeGreaterThanOrEqual(30);
    expect(days).toBeLessThanOrEqual(31);
  });

  it("is the same all day", () => {
    const textAt = (time: string) =>
      securityText("tel:+1-201-555-0123", "https://a.example", Date.parse(time));
    expect(textAt("2026-05-01T00:00:01Z")).toBe(textAt("2026-05-01T23:59:59Z"));
    expect(textAt("2026-05-01T12:00:00Z")).toContain("Expires: 2026-06-01T00:00:00Z\n");
    expect(textAt("2026-05-01T12:00:00Z")).toContain(
      "Canonical: https://a.example/.well-known/security.txt\n",
    );
  });

  it("is a 404 without a contact", async () => {
    const response = await (await startService()).get(PATH);
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ code: "not_found", detail: "SECURITY_CONTACT is not set" });
  });
});
