import { secureHeaders } from "hono/secure-headers";
import type { Middleware } from "./app-env.ts";

const COMMON = { crossOriginResourcePolicy: "cross-origin" } as const;

const forData = secureHeaders({
  ...COMMON,
  contentSecurityPolicy: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
});

const forWebUi = secureHeaders({
  ...COMMON,
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'"],
    connectSrc: ["'self'"],
    imgSrc: ["'self'", "data:"],
    baseUri: ["'none'"],
    formAction: ["'none'"],
    frameAncestors: ["'none'"],
  },
});

/** Security headers, with a Content-Security-Policy for the web UI at `/` and a stricter one for data. */
export const securityHeaders: Middleware = (context, next) =>
  (context.req.path === "/" ? forWebUi : forData)(context, next);
