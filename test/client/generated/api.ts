export interface paths {
    "/v1/short-interest/{symbol}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a page of short interest
         * @description Rows are newest first. Pass next_key to get the next page, or follow the Link header; next_key is null on the last page. A page has fewer than num rows if the rest is temporarily unavailable. max-age ends when the next row can be published, and after a day at most.
         */
        get: operations["getPage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/short-interest/{symbol}/history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the history of short interest
         * @description Returns all rows of a date range, streamed page by page. If rows are missing, complete is false, error has the cause, and next_key continues; a CSV response is aborted instead. order=asc is not streamed: it returns the full range or an error.
         */
        get: operations["getHistory"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/short-interest": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the newest row of several symbols
         * @description A symbol that fails has an error in its item. The other items are not affected.
         */
        get: operations["getLatest"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/webhooks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List webhooks */
        get: operations["listWebhooks"];
        put?: never;
        /**
         * Create a webhook
         * @description Sends a message to url when a new row of one of the symbols is published. The endpoint must first answer a signed test message with 2xx within 15 s. Existing rows are not sent. An API key can have up to 20 webhooks.
         */
        post: operations["createWebhook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/webhooks/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get a webhook and the status of its symbols */
        get: operations["getWebhook"];
        put?: never;
        post?: never;
        /** Delete a webhook */
        delete: operations["deleteWebhook"];
        options?: never;
        head?: never;
        /**
         * Change, pause or resume a webhook
         * @description If the URL changes or the webhook is resumed, the endpoint is verified with a test message first.
         */
        patch: operations["changeWebhook"];
        trace?: never;
    };
    "/v1/webhooks/{id}/rotate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Rotate the signing secret
         * @description For one day, messages are also signed with the previous secrets. With revoke, the previous secrets are revoked at once: use it after a leak. At most 4 secrets can sign at a time.
         */
        post: operations["rotateSecret"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/webhooks/{id}/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Send a test message */
        post: operations["testWebhook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/webhooks/{id}/deliveries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the last 100 delivery attempts */
        get: operations["listDeliveries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/mcp": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send a Model Context Protocol message
         * @description Streamable HTTP without sessions. Supported protocol versions: 2025-06-18, 2025-11-25 and 2026-07-28. tools/list describes the tools, their arguments and their results.
         */
        post: operations["postMcp"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/problems/{code}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Explain an error code */
        get: operations["getProblem"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/openapi.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get this document */
        get: operations["getDescription"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/healthz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Liveness check */
        get: operations["getHealth"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/readyz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Readiness check
         * @description Checks whether Upstash Redis and OpenD are reachable. Requires an API key. It logs in to OpenD without making a call, so it does not use the rate limit.
         */
        get: operations["getReadiness"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Prometheus metrics
         * @description Counters and gauges, summed over all data centers. Requires an API key.
         */
        get: operations["getMetrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export interface webhooks {
    published: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * A new row was published
         * @description Signed according to Standard Webhooks. Delivery is at-least-once: deduplicate on webhook-id. Answer with 2xx within 15 s. Any other outcome is retried for three days; 410 ends the webhook.
         */
        post: operations["published"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export interface components {
    schemas: {
        /** @description Short interest of a Hong Kong security on one day. null means unknown. */
        HkRow: {
            /** @description Midnight of the trading day in the market's time zone, Unix time in seconds. */
            timestamp: number | null;
            /** @description Trading day, YYYY-MM-DD. */
            timestamp_str: string | null;
            /** @description Short interest: shares sold short and not yet bought back. */
            aggregated_short: number | null;
            /** @description Short interest as a percentage of the shares in circulation: 0.56 means 0.56%. */
            aggregated_short_ratio: number | null;
            /** @description Closing price of the day. */
            close_price: number | null;
            /** @description Closing price of the previous trading day, not of the previous row. */
            last_close_price: number | null;
        };
        /** @description Short interest of a US security on one day. null means unknown. */
        UsRow: {
            /** @description Midnight of the trading day in the market's time zone, Unix time in seconds. */
            timestamp: number | null;
            /** @description Trading day, YYYY-MM-DD. */
            timestamp_str: string | null;
            /** @description Short interest: shares sold short. */
            shares_short: number | null;
            /** @description Short interest ratio in percent: 0.92 means 0.92%. The vendor does not document its denominator. */
            short_percent: number | null;
            /** @description Average daily trading volume, in shares. */
            avg_daily_share_volume: number | null;
            /** @description Days to cover: short interest divided by the average daily volume. */
            days_to_cover: number | null;
            /** @description Closing price of the day. */
            close_price: number | null;
            /** @description Closing price of the previous trading day, not of the previous row. */
            last_close_price: number | null;
        };
        HkPage: {
            /** @description Symbol: market and code. Hong Kong codes are padded to five digits. */
            symbol: string;
            /**
             * @description Market on which the security is listed. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            market: "HK";
            items: components["schemas"]["HkRow"][];
            /** @description Cursor of the next (older) rows: pass it as next_key. null at the end of the history. */
            next_key: string | null;
        };
        UsPage: {
            /** @description Symbol: market and code. Hong Kong codes are padded to five digits. */
            symbol: string;
            /**
             * @description Market on which the security is listed. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            market: "US";
            items: components["schemas"]["UsRow"][];
            /** @description Cursor of the next (older) rows: pass it as next_key. null at the end of the history. */
            next_key: string | null;
        };
        /** @description Consecutive rows, newest first. */
        Page: components["schemas"]["HkPage"] | components["schemas"]["UsPage"];
        HkHistory: {
            /** @description Symbol: market and code. Hong Kong codes are padded to five digits. */
            symbol: string;
            /**
             * @description Market on which the security is listed. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            market: "HK";
            items: components["schemas"]["HkRow"][];
            /** @description Whether the response has all requested rows. */
            complete: boolean;
            /** @description Cursor that continues the range; null if complete. */
            next_key: string | null;
            /** @description Why rows are missing; null without an error. */
            error: components["schemas"]["Problem"] | null;
            /** @description When the rows were fetched from OpenD, Unix time in seconds; the earliest time if they were fetched at different times. */
            fetched_at: number;
            /** @description Whether some rows are stale: past their freshness lifetime, or not revalidated because Redis failed. */
            stale: boolean;
        };
        UsHistory: {
            /** @description Symbol: market and code. Hong Kong codes are padded to five digits. */
            symbol: string;
            /**
             * @description Market on which the security is listed. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            market: "US";
            items: components["schemas"]["UsRow"][];
            /** @description Whether the response has all requested rows. */
            complete: boolean;
            /** @description Cursor that continues the range; null if complete. */
            next_key: string | null;
            /** @description Why rows are missing; null without an error. */
            error: components["schemas"]["Problem"] | null;
            /** @description When the rows were fetched from OpenD, Unix time in seconds; the earliest time if they were fetched at different times. */
            fetched_at: number;
            /** @description Whether some rows are stale: past their freshness lifetime, or not revalidated because Redis failed. */
            stale: boolean;
        };
        /** @description The rows of a date range, and whether they are complete. */
        History: components["schemas"]["HkHistory"] | components["schemas"]["UsHistory"];
        /** @description The last line of an NDJSON history. */
        HistoryEnd: {
            /** @description Whether the response has all requested rows. */
            complete: boolean;
            /** @description Cursor that continues the range; null if complete. */
            next_key: string | null;
            /** @description Why rows are missing; null without an error. */
            error: components["schemas"]["Problem"] | null;
            /** @description When the rows were fetched from OpenD, Unix time in seconds; the earliest time if they were fetched at different times. */
            fetched_at: number;
            /** @description Whether some rows are stale: past their freshness lifetime, or not revalidated because Redis failed. */
            stale: boolean;
        };
        /** @description The newest row of each symbol. */
        Latest: {
            items: components["schemas"]["LatestItem"][];
        };
        /** @description The newest row and its change since the previous row, or an error. */
        LatestItem: {
            /** @description Symbol: market and code. Hong Kong codes are padded to five digits. */
            symbol: string;
            /**
             * @description Market on which the security is listed.
             * @enum {unknown}
             */
            market?: "HK" | "US";
            latest: (components["schemas"]["HkRow"] | components["schemas"]["UsRow"]) | null;
            change: {
                /** @description Change in shares since the previous row. */
                shares: number;
                /** @description Change as a percentage of the previous row's shares: -0.79 means -0.79%. null if the previous row has 0 shares. */
                percent: number | null;
            } | null;
            /** @description Whether some rows are stale: past their freshness lifetime, or not revalidated because Redis failed. */
            stale: boolean;
            error: components["schemas"]["Problem"] | null;
        };
        /** @description Problem details (RFC 9457). */
        Problem: {
            /**
             * Format: uri-reference
             * @description Explanation of the problem type.
             */
            type: string;
            title: string;
            status: number;
            /**
             * @description Stable error code.
             * @enum {unknown}
             */
            code: "invalid_symbol" | "invalid_parameter" | "unsupported_market" | "unauthorized" | "forbidden_origin" | "unknown_symbol" | "not_found" | "method_not_allowed" | "not_acceptable" | "limit_reached" | "duplicate_webhook" | "content_too_large" | "unsupported_media_type" | "unverified_endpoint" | "upgrade_required" | "too_many_requests" | "client_quota_exceeded" | "upstream_quota_exceeded" | "internal" | "misconfigured" | "opend_unreachable" | "opend_key_refused" | "opend_protocol_error" | "opend_failed" | "opend_no_permission" | "store_unavailable" | "subrequest_limit" | "opend_timeout" | "request_timeout";
            detail: string;
            /** @description The invalid parameter or configuration variable. */
            parameter?: string;
            /** @description Seconds until the request is likely to succeed, as in Retry-After. */
            retry_after?: number;
            /** @description Names of the used-up quotas. */
            "violated-policies"?: string[];
        };
        Health: {
            /** @constant */
            status: "ok";
        };
        Readiness: {
            ready: boolean;
            checks: {
                /**
                 * @description upstash: a PING; opend: a login.
                 * @enum {unknown}
                 */
                name: "upstash" | "opend";
                ok: boolean;
                /** @description Duration in milliseconds. */
                ms: number;
                /** @description Error code; null if the check passed. */
                code: string | null;
                detail: string | null;
            }[];
        };
        Webhook: {
            /** @description ID of the webhook. */
            id: string;
            /** Format: uri */
            url: string;
            symbols: string[];
            description: string;
            /** @description Whether the webhook sends messages. */
            active: boolean;
            /**
             * @description Why the webhook is inactive. paused: by its owner; gone: the endpoint answered 410; failing: every delivery failed for five days; revoked: the API key of its owner was removed. null if active.
             * @enum {unknown}
             */
            reason: "paused" | "gone" | "failing" | "revoked" | null;
            /** @description Time since which all attempts have failed, Unix time in seconds; null if the last attempt succeeded. */
            failing_since: number | null;
            /** @description Time of creation, Unix time in seconds. */
            created_at: number;
        };
        WebhookWithSecret: {
            /** @description ID of the webhook. */
            id: string;
            /** Format: uri */
            url: string;
            symbols: string[];
            description: string;
            /** @description Whether the webhook sends messages. */
            active: boolean;
            /**
             * @description Why the webhook is inactive. paused: by its owner; gone: the endpoint answered 410; failing: every delivery failed for five days; revoked: the API key of its owner was removed. null if active.
             * @enum {unknown}
             */
            reason: "paused" | "gone" | "failing" | "revoked" | null;
            /** @description Time since which all attempts have failed, Unix time in seconds; null if the last attempt succeeded. */
            failing_since: number | null;
            /** @description Time of creation, Unix time in seconds. */
            created_at: number;
            /** @description Signing secret. It is returned only once. */
            secret: string;
        };
        WebhookDetails: {
            /** @description ID of the webhook. */
            id: string;
            /** Format: uri */
            url: string;
            symbols: string[];
            description: string;
            /** @description Whether the webhook sends messages. */
            active: boolean;
            /**
             * @description Why the webhook is inactive. paused: by its owner; gone: the endpoint answered 410; failing: every delivery failed for five days; revoked: the API key of its owner was removed. null if active.
             * @enum {unknown}
             */
            reason: "paused" | "gone" | "failing" | "revoked" | null;
            /** @description Time since which all attempts have failed, Unix time in seconds; null if the last attempt succeeded. */
            failing_since: number | null;
            /** @description Time of creation, Unix time in seconds. */
            created_at: number;
            /** @description Status of each symbol. */
            symbol_status: {
                symbol: string;
                /** @description Timestamp of the newest known row; null if unknown. */
                newest_timestamp: number | null;
                /** @description Time of the last check, Unix time in seconds; null before the first check. */
                checked_at: number | null;
                /** @description Error code of the last check; null if it succeeded. */
                error: string | null;
            }[];
        };
        Webhooks: {
            items: components["schemas"]["Webhook"][];
        };
        RotatedSecret: {
            /** @description ID of the webhook. */
            id: string;
            /** @description Signing secret. It is returned only once. */
            secret: string;
            /** @description Time until which the previous secrets sign as well, Unix time in seconds; null if they are revoked. */
            old_secrets_expire_at: number | null;
        };
        /** @description An attempt to deliver a message. */
        Delivery: {
            /** @description webhook-id of the message. */
            id: string;
            /** @enum {unknown} */
            type: "short_interest.published" | "webhook.test";
            /** @description Symbol; null for a test message. */
            symbol: string | null;
            /** @description Time of the attempt, Unix time in seconds. */
            attempted_at: number;
            /** @description HTTP status of the endpoint; null without a response. */
            status: number | null;
            /**
             * @description Why there was no response; null if there was one.
             * @enum {unknown}
             */
            error: "timeout" | "unreachable" | "forbidden_url" | "revoked" | null;
            /** @description Duration of the attempt. */
            duration_ms: number;
            /** @description Time of the next attempt, Unix time in seconds; null if there is none. */
            next_attempt_at: number | null;
        };
        Deliveries: {
            items: components["schemas"]["Delivery"][];
        };
        PublishedMessage: {
            /** @constant */
            type: "short_interest.published";
            /** Format: date-time */
            timestamp: string;
            data: {
                symbol: string;
                /**
                 * @description Market on which the security is listed.
                 * @enum {unknown}
                 */
                market: "HK" | "US";
                row: components["schemas"]["HkRow"] | components["schemas"]["UsRow"];
                /** @description The previous row; null if there is none. */
                previous: (components["schemas"]["HkRow"] | components["schemas"]["UsRow"]) | null;
            };
        };
        TestMessage: {
            /** @constant */
            type: "webhook.test";
            /** Format: date-time */
            timestamp: string;
            data: {
                /** @description ID of the webhook. */
                webhook: string;
            };
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    getPage: {
        parameters: {
            query?: {
                /** @description Number of rows, 1 to 50. */
                num?: number;
                /** @description Cursor: the next_key of the previous response. Omit it for the newest rows. */
                next_key?: string;
                /** @description Response format. Overrides the Accept header. */
                format?: "json" | "csv" | "ndjson" | "protobuf";
            };
            header?: never;
            path: {
                symbol: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The page */
            200: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    /** @description Digest of the body. A request with this value in If-None-Match returns 304. */
                    ETag: string;
                    /** @description Seconds since the rows were fetched from OpenD. */
                    Age: number;
                    /** @description Which cache served the response, and why it is stale if it is (RFC 9211). */
                    "Cache-Status": string;
                    /** @description Milliseconds per phase: edge, shared, limit, connect, call. */
                    "Server-Timing"?: string;
                    /** @description URL of the next page, rel="next" (RFC 8288); absent on the last page. */
                    Link?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "symbol": "HK.00700",
                     *       "market": "HK",
                     *       "items": [
                     *         {
                     *           "timestamp": 1777478400,
                     *           "timestamp_str": "2026-04-30",
                     *           "aggregated_short": 51480638,
                     *           "aggregated_short_ratio": 0.56,
                     *           "close_price": 467.8,
                     *           "last_close_price": 479.2
                     *         }
                     *       ],
                     *       "next_key": "1777478400"
                     *     }
                     */
                    "application/json": components["schemas"]["Page"];
                    /**
                     * @example timestamp,timestamp_str,aggregated_short,aggregated_short_ratio,close_price,last_close_price
                     *     1777478400,2026-04-30,51480638,0.56,467.8,479.2
                     */
                    "text/csv": string;
                    /** @example {"timestamp":1777478400,"timestamp_str":"2026-04-30","aggregated_short":51480638,"aggregated_short_ratio":0.56,"close_price":467.8,"last_close_price":479.2} */
                    "application/x-ndjson": string;
                    "application/x-protobuf": string;
                };
            };
            /** @description Not modified */
            304: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    /** @description Digest of the body. A request with this value in If-None-Match returns 304. */
                    ETag: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Invalid parameter; Invalid symbol; Unsupported market */
            400: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description API key required */
            401: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown symbol */
            404: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Format not available */
            406: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    /** @description Accept: the response depends on this request header. */
                    Vary: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; Your share of OpenD's rate limit is used up; OpenD's rate limit is used up */
            429: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    /** @description Seconds until the same request is likely to succeed. */
                    "Retry-After"?: number;
                    /** @description Calls remaining in a quota, and seconds until it resets. */
                    RateLimit: string;
                    /** @description Calls that each quota allows, and its window in seconds. */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service misconfigured; Internal error */
            500: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description OpenD unreachable; OpenD refused the service's key; No permission for this market; Invalid response from OpenD; OpenD refused the request */
            502: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Shared store unavailable */
            503: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description OpenD timed out; Request deadline exceeded */
            504: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getHistory: {
        parameters: {
            query?: {
                /** @description First day (inclusive), YYYY-MM-DD in the market's time zone. */
                from?: string;
                /** @description Last day (inclusive), YYYY-MM-DD in the market's time zone. */
                to?: string;
                /** @description desc: newest row first. asc: oldest row first; returns the full range or an error. */
                order?: "desc" | "asc";
                /** @description Cursor: the next_key of the previous response. Omit it for the newest rows. */
                next_key?: string;
                /** @description Response format. Overrides the Accept header. */
                format?: "json" | "csv" | "ndjson";
            };
            header?: never;
            path: {
                symbol: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The rows of the range */
            200: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    /** @description Milliseconds per phase: edge, shared, limit, connect, call. */
                    "Server-Timing"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "symbol": "US.AAPL",
                     *       "market": "US",
                     *       "items": [
                     *         {
                     *           "timestamp": 1777521600,
                     *           "timestamp_str": "2026-04-30",
                     *           "shares_short": 109420031,
                     *           "short_percent": 0.74,
                     *           "avg_daily_share_volume": 43100917,
                     *           "days_to_cover": 2.54,
                     *           "close_price": 213.25,
                     *           "last_close_price": null
                     *         }
                     *       ],
                     *       "complete": true,
                     *       "next_key": null,
                     *       "error": null,
                     *       "fetched_at": 1779000000,
                     *       "stale": false
                     *     }
                     */
                    "application/json": components["schemas"]["History"];
                    /**
                     * @example timestamp,timestamp_str,shares_short,short_percent,avg_daily_share_volume,days_to_cover,close_price,last_close_price
                     *     1777521600,2026-04-30,109420031,0.74,43100917,2.54,213.25,
                     */
                    "text/csv": string;
                    /**
                     * @example {"timestamp":1777521600,"timestamp_str":"2026-04-30","shares_short":109420031,"short_percent":0.74,"avg_daily_share_volume":43100917,"days_to_cover":2.54,"close_price":213.25,"last_close_price":null}
                     *     {"complete":true,"next_key":null,"error":null,"fetched_at":1779000000,"stale":false}
                     */
                    "application/x-ndjson": string;
                };
            };
            /** @description Invalid parameter; Invalid symbol; Unsupported market */
            400: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description API key required */
            401: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unknown symbol */
            404: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Format not available */
            406: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    /** @description Accept: the response depends on this request header. */
                    Vary: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests; Your share of OpenD's rate limit is used up; OpenD's rate limit is used up */
            429: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    /** @description Seconds until the same request is likely to succeed. */
                    "Retry-After"?: number;
                    /** @description Calls remaining in a quota, and seconds until it resets. */
                    RateLimit: string;
                    /** @description Calls that each quota allows, and its window in seconds. */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service misconfigured; Internal error */
            500: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description OpenD unreachable; OpenD refused the service's key; No permission for this market; Invalid response from OpenD; OpenD refused the request */
            502: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Shared store unavailable; Subrequest limit reached */
            503: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description OpenD timed out; Request deadline exceeded */
            504: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getLatest: {
        parameters: {
            query: {
                /** @description 1 to 50 symbols, each a market and a code. */
                symbols: string[];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One item per symbol, in the requested order */
            200: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    /** @description Milliseconds per phase: edge, shared, limit, connect, call. */
                    "Server-Timing"?: string;
                    /** @description Digest of the body. A request with this value in If-None-Match returns 304. */
                    ETag: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "items": [
                     *         {
                     *           "symbol": "HK.00700",
                     *           "market": "HK",
                     *           "latest": {
                     *             "timestamp": 1777478400,
                     *             "timestamp_str": "2026-04-30",
                     *             "aggregated_short": 51480638,
                     *             "aggregated_short_ratio": 0.56,
                     *             "close_price": 467.8,
                     *             "last_close_price": 479.2
                     *           },
                     *           "change": {
                     *             "shares": -408117,
                     *             "percent": -0.79
                     *           },
                     *           "stale": false,
                     *           "error": null
                     *         },
                     *         {
                     *           "symbol": "US.NOSUCH",
                     *           "latest": null,
                     *           "change": null,
                     *           "stale": false,
                     *           "error": {
                     *             "type": "/problems/unknown_symbol",
                     *             "title": "Unknown symbol",
                     *             "status": 404,
                     *             "code": "unknown_symbol",
                     *             "detail": "OpenD knows no such security, or has no short interest for it"
                     *           }
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": components["schemas"]["Latest"];
                };
            };
            /** @description Not modified */
            304: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    /** @description Digest of the body. A request with this value in If-None-Match returns 304. */
                    ETag: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Invalid parameter */
            400: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description API key required */
            401: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Format not available */
            406: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    /** @description Accept: the response depends on this request header. */
                    Vary: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests */
            429: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    /** @description Seconds until the same request is likely to succeed. */
                    "Retry-After"?: number;
                    /** @description Calls remaining in a quota, and seconds until it resets. */
                    RateLimit: string;
                    /** @description Calls that each quota allows, and its window in seconds. */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service misconfigured; Internal error */
            500: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listWebhooks: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All webhooks of this key, oldest first */
            200: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "items": [
                     *         {
                     *           "id": "wh_0f5c6ad0b1f64d5f9a53a8f4b7c1e2d3",
                     *           "url": "https://example.com/short-interest",
                     *           "symbols": [
                     *             "HK.00700"
                     *           ],
                     *           "description": "",
                     *           "active": true,
                     *           "reason": null,
                     *           "failing_since": null,
                     *           "created_at": 1779000000
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": components["schemas"]["Webhooks"];
                };
            };
            /** @description Invalid parameter */
            400: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description API key required */
            401: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests */
            429: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    /** @description Seconds until the same request is likely to succeed. */
                    "Retry-After"?: number;
                    /** @description Calls remaining in a quota, and seconds until it resets. */
                    RateLimit: string;
                    /** @description Calls that each quota allows, and its window in seconds. */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service misconfigured; Internal error */
            500: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Shared store unavailable */
            503: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    createWebhook: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "url": "https://example.com/short-interest",
                 *       "symbols": [
                 *         "HK.00700"
                 *       ]
                 *     }
                 */
                "application/json": {
                    /**
                     * @description URL to which messages are sent: https, with a public host name and without port, user name or password.
                     * @example https://example.com/short-interest
                     */
                    url: string;
                    /**
                     * @description 1 to 50 symbols, each a market and a code.
                     * @example [
                     *       "HK.00700",
                     *       "US.AAPL"
                     *     ]
                     */
                    symbols: string[];
                    /**
                     * @description Your description of the webhook.
                     * @default
                     */
                    description?: string;
                    /** @description Signing secret: whsec_ followed by 24 to 64 bytes in base64. Generated if omitted. Set it so that the endpoint can verify the first test message. */
                    secret?: string;
                };
            };
        };
        responses: {
            /** @description Webhook created */
            201: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    /** @description URL of the webhook. */
                    Location: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "wh_0f5c6ad0b1f64d5f9a53a8f4b7c1e2d3",
                     *       "url": "https://example.com/short-interest",
                     *       "symbols": [
                     *         "HK.00700"
                     *       ],
                     *       "description": "",
                     *       "active": true,
                     *       "reason": null,
                     *       "failing_since": null,
                     *       "created_at": 1779000000,
                     *       "secret": "whsec_c2hvcnQtaW50ZXJlc3QtZWRnZS1leGFtcGxlLTAxMjM="
                     *     }
                     */
                    "application/json": components["schemas"]["WebhookWithSecret"];
                };
            };
            /** @description Invalid parameter; Invalid symbol; Unsupported market */
            400: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description API key required */
            401: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Limit reached; Duplicate webhook */
            409: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Content too large */
            413: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unsupported media type */
            415: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Endpoint verification failed */
            422: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests */
            429: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    /** @description Seconds until the same request is likely to succeed. */
                    "Retry-After"?: number;
                    /** @description Calls remaining in a quota, and seconds until it resets. */
                    RateLimit: string;
                    /** @description Calls that each quota allows, and its window in seconds. */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service misconfigured; Internal error */
            500: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Shared store unavailable */
            503: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getWebhook: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description ID of the webhook. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The webhook */
            200: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "wh_0f5c6ad0b1f64d5f9a53a8f4b7c1e2d3",
                     *       "url": "https://example.com/short-interest",
                     *       "symbols": [
                     *         "HK.00700"
                     *       ],
                     *       "description": "",
                     *       "active": true,
                     *       "reason": null,
                     *       "failing_since": null,
                     *       "created_at": 1779000000,
                     *       "symbol_status": [
                     *         {
                     *           "symbol": "HK.00700",
                     *           "newest_timestamp": 1777478400,
                     *           "checked_at": 1779000000,
                     *           "error": null
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": components["schemas"]["WebhookDetails"];
                };
            };
            /** @description Invalid parameter */
            400: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description API key required */
            401: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not found */
            404: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests */
            429: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    /** @description Seconds until the same request is likely to succeed. */
                    "Retry-After"?: number;
                    /** @description Calls remaining in a quota, and seconds until it resets. */
                    RateLimit: string;
                    /** @description Calls that each quota allows, and its window in seconds. */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service misconfigured; Internal error */
            500: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Shared store unavailable */
            503: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deleteWebhook: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description ID of the webhook. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Webhook deleted */
            204: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Invalid parameter */
            400: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description API key required */
            401: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not found */
            404: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests */
            429: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    /** @description Seconds until the same request is likely to succeed. */
                    "Retry-After"?: number;
                    /** @description Calls remaining in a quota, and seconds until it resets. */
                    RateLimit: string;
                    /** @description Calls that each quota allows, and its window in seconds. */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service misconfigured; Internal error */
            500: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Shared store unavailable */
            503: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    changeWebhook: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description ID of the webhook. */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "active": false
                 *     }
                 */
                "application/json": {
                    /**
                     * @description URL to which messages are sent: https, with a public host name and without port, user name or password.
                     * @example https://example.com/short-interest
                     */
                    url?: string;
                    /**
                     * @description 1 to 50 symbols, each a market and a code.
                     * @example [
                     *       "HK.00700",
                     *       "US.AAPL"
                     *     ]
                     */
                    symbols?: string[];
                    /** @description Your description of the webhook. */
                    description?: string;
                    /** @description false pauses the webhook. true resumes it, whatever made it inactive. */
                    active?: boolean;
                };
            };
        };
        responses: {
            /** @description Webhook changed */
            200: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "wh_0f5c6ad0b1f64d5f9a53a8f4b7c1e2d3",
                     *       "url": "https://example.com/short-interest",
                     *       "symbols": [
                     *         "HK.00700"
                     *       ],
                     *       "description": "",
                     *       "active": false,
                     *       "reason": "paused",
                     *       "failing_since": null,
                     *       "created_at": 1779000000
                     *     }
                     */
                    "application/json": components["schemas"]["Webhook"];
                };
            };
            /** @description Invalid parameter; Invalid symbol; Unsupported market */
            400: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description API key required */
            401: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not found */
            404: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Duplicate webhook */
            409: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Content too large */
            413: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unsupported media type */
            415: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Endpoint verification failed */
            422: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests */
            429: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    /** @description Seconds until the same request is likely to succeed. */
                    "Retry-After"?: number;
                    /** @description Calls remaining in a quota, and seconds until it resets. */
                    RateLimit: string;
                    /** @description Calls that each quota allows, and its window in seconds. */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service misconfigured; Internal error */
            500: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Shared store unavailable */
            503: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    rotateSecret: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description ID of the webhook. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                /**
                 * @example {
                 *       "revoke": true
                 *     }
                 */
                "application/json": {
                    /** @description Signing secret: whsec_ followed by 24 to 64 bytes in base64. Generated if omitted. Set it so that the endpoint can verify the first test message. */
                    secret?: string;
                    /**
                     * @description true revokes all previous secrets at once: use it after a leak. With false, they also sign for one more day.
                     * @default false
                     */
                    revoke?: boolean;
                };
            };
        };
        responses: {
            /** @description The new secret */
            200: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "wh_0f5c6ad0b1f64d5f9a53a8f4b7c1e2d3",
                     *       "secret": "whsec_c2hvcnQtaW50ZXJlc3QtZWRnZS1leGFtcGxlLTAxMjM=",
                     *       "old_secrets_expire_at": null
                     *     }
                     */
                    "application/json": components["schemas"]["RotatedSecret"];
                };
            };
            /** @description Invalid parameter */
            400: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description API key required */
            401: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not found */
            404: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Limit reached */
            409: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Content too large */
            413: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unsupported media type */
            415: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests */
            429: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    /** @description Seconds until the same request is likely to succeed. */
                    "Retry-After"?: number;
                    /** @description Calls remaining in a quota, and seconds until it resets. */
                    RateLimit: string;
                    /** @description Calls that each quota allows, and its window in seconds. */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service misconfigured; Internal error */
            500: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Shared store unavailable */
            503: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    testWebhook: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description ID of the webhook. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Result of the attempt */
            200: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "msg_9b2d5c1e8a7f4630b1c2d3e4f5a60718",
                     *       "type": "webhook.test",
                     *       "symbol": null,
                     *       "attempted_at": 1779000300,
                     *       "status": 204,
                     *       "error": null,
                     *       "duration_ms": 84,
                     *       "next_attempt_at": null
                     *     }
                     */
                    "application/json": components["schemas"]["Delivery"];
                };
            };
            /** @description Invalid parameter */
            400: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description API key required */
            401: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not found */
            404: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests */
            429: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    /** @description Seconds until the same request is likely to succeed. */
                    "Retry-After"?: number;
                    /** @description Calls remaining in a quota, and seconds until it resets. */
                    RateLimit: string;
                    /** @description Calls that each quota allows, and its window in seconds. */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service misconfigured; Internal error */
            500: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Shared store unavailable */
            503: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listDeliveries: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description ID of the webhook. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Newest first */
            200: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "items": [
                     *         {
                     *           "id": "msg_9b2d5c1e8a7f4630b1c2d3e4f5a60718",
                     *           "type": "short_interest.published",
                     *           "symbol": "HK.00700",
                     *           "attempted_at": 1779000300,
                     *           "status": 204,
                     *           "error": null,
                     *           "duration_ms": 84,
                     *           "next_attempt_at": null
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": components["schemas"]["Deliveries"];
                };
            };
            /** @description Invalid parameter */
            400: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description API key required */
            401: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Not found */
            404: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests */
            429: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    /** @description Seconds until the same request is likely to succeed. */
                    "Retry-After"?: number;
                    /** @description Calls remaining in a quota, and seconds until it resets. */
                    RateLimit: string;
                    /** @description Calls that each quota allows, and its window in seconds. */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service misconfigured; Internal error */
            500: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Shared store unavailable */
            503: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    postMcp: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "jsonrpc": "2.0",
                 *       "id": 1,
                 *       "method": "tools/list"
                 *     }
                 */
                "application/json": {
                    /** @constant */
                    jsonrpc: "2.0";
                };
            };
        };
        responses: {
            /** @description The result, or a JSON-RPC error of the method */
            200: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "jsonrpc": "2.0",
                     *       "id": 1,
                     *       "result": {
                     *         "tools": []
                     *       }
                     *     }
                     */
                    "application/json": {
                        /** @constant */
                        jsonrpc: "2.0";
                    };
                };
            };
            /** @description Notification accepted */
            202: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Not a JSON-RPC message, or an unsupported protocol version */
            400: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "jsonrpc": "2.0",
                     *       "id": null,
                     *       "error": {
                     *         "code": -32700,
                     *         "message": "The body is not valid JSON"
                     *       }
                     *     }
                     */
                    "application/json": {
                        /** @constant */
                        jsonrpc: "2.0";
                    };
                };
            };
            /** @description API key required */
            401: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Origin not allowed */
            403: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Content too large */
            413: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Unsupported media type */
            415: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests */
            429: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    /** @description Seconds until the same request is likely to succeed. */
                    "Retry-After"?: number;
                    /** @description Calls remaining in a quota, and seconds until it resets. */
                    RateLimit: string;
                    /** @description Calls that each quota allows, and its window in seconds. */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service misconfigured; Internal error */
            500: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getProblem: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Error code, as in the member code of a problem. */
                code: "invalid_symbol" | "invalid_parameter" | "unsupported_market" | "unauthorized" | "forbidden_origin" | "unknown_symbol" | "not_found" | "method_not_allowed" | "not_acceptable" | "limit_reached" | "duplicate_webhook" | "content_too_large" | "unsupported_media_type" | "unverified_endpoint" | "upgrade_required" | "too_many_requests" | "client_quota_exceeded" | "upstream_quota_exceeded" | "internal" | "misconfigured" | "opend_unreachable" | "opend_key_refused" | "opend_protocol_error" | "opend_failed" | "opend_no_permission" | "store_unavailable" | "subrequest_limit" | "opend_timeout" | "request_timeout";
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Meaning of the code, and what to do */
            200: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example unknown_symbol (404): Unknown symbol
                     *
                     *     OpenD knows no such security, or has no short interest for this type of security. This result is cached for ten minutes.
                     */
                    "text/plain": string;
                };
            };
            /** @description Not found */
            404: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Internal error */
            500: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getDescription: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The OpenAPI 3.1 document */
            200: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    /** @description Digest of the body. A request with this value in If-None-Match returns 304. */
                    ETag: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "openapi": "3.1.1"
                     *     }
                     */
                    "application/json": Record<string, never>;
                };
            };
            /** @description Not modified */
            304: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Internal error */
            500: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getHealth: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The Worker runs */
            200: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "status": "ok"
                     *     }
                     */
                    "application/json": components["schemas"]["Health"];
                };
            };
        };
    };
    getReadiness: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Both are reachable */
            200: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "ready": true,
                     *       "checks": [
                     *         {
                     *           "name": "upstash",
                     *           "ok": true,
                     *           "ms": 4,
                     *           "code": null,
                     *           "detail": null
                     *         },
                     *         {
                     *           "name": "opend",
                     *           "ok": true,
                     *           "ms": 31,
                     *           "code": null,
                     *           "detail": null
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": components["schemas"]["Readiness"];
                };
            };
            /** @description Invalid parameter */
            400: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description API key required */
            401: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests */
            429: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    /** @description Seconds until the same request is likely to succeed. */
                    "Retry-After"?: number;
                    /** @description Calls remaining in a quota, and seconds until it resets. */
                    RateLimit: string;
                    /** @description Calls that each quota allows, and its window in seconds. */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service misconfigured; Internal error */
            500: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description One is unreachable */
            503: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "ready": false,
                     *       "checks": [
                     *         {
                     *           "name": "upstash",
                     *           "ok": true,
                     *           "ms": 4,
                     *           "code": null,
                     *           "detail": null
                     *         },
                     *         {
                     *           "name": "opend",
                     *           "ok": false,
                     *           "ms": 31,
                     *           "code": "opend_unreachable",
                     *           "detail": "Cannot connect to OpenD"
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": components["schemas"]["Readiness"];
                };
            };
        };
    };
    getMetrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Prometheus text format */
            200: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example # HELP short_interest_upstream_calls_total Calls sent to OpenD.
                     *     # TYPE short_interest_upstream_calls_total counter
                     *     short_interest_upstream_calls_total 42
                     *     # HELP short_interest_permits_available Calls that the rate limit allows right now.
                     *     # TYPE short_interest_permits_available gauge
                     *     short_interest_permits_available 28
                     */
                    "text/plain": string;
                };
            };
            /** @description Invalid parameter */
            400: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description API key required */
            401: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many requests */
            429: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    /** @description Seconds until the same request is likely to succeed. */
                    "Retry-After"?: number;
                    /** @description Calls remaining in a quota, and seconds until it resets. */
                    RateLimit: string;
                    /** @description Calls that each quota allows, and its window in seconds. */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Service misconfigured; Internal error */
            500: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Shared store unavailable */
            503: {
                headers: {
                    /** @description ID of this request: the caller's X-Request-Id if valid, else a new one. */
                    "X-Request-Id": string;
                    /** @description Whether and for how long the response may be cached. */
                    "Cache-Control": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    published: {
        parameters: {
            query?: never;
            header: {
                /** @description ID of the message. It is the same for every attempt: use it to drop duplicates. */
                "webhook-id": string;
                /** @description Time of the attempt, Unix time in seconds. */
                "webhook-timestamp": string;
                /** @description Space-separated list with one entry per secret: v1, followed by the base64 HMAC-SHA256 of id.timestamp.body. */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "type": "short_interest.published",
                 *       "timestamp": "2026-05-08T09:00:00.000Z",
                 *       "data": {
                 *         "symbol": "HK.00700",
                 *         "market": "HK",
                 *         "row": {
                 *           "timestamp": 1777478400,
                 *           "timestamp_str": "2026-04-30",
                 *           "aggregated_short": 51480638,
                 *           "aggregated_short_ratio": 0.56,
                 *           "close_price": 467.8,
                 *           "last_close_price": 479.2
                 *         },
                 *         "previous": {
                 *           "timestamp": 1776960000,
                 *           "timestamp_str": "2026-04-24",
                 *           "aggregated_short": 51888755,
                 *           "aggregated_short_ratio": 0.56,
                 *           "close_price": 493.4,
                 *           "last_close_price": 495.2
                 *         }
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["PublishedMessage"] | components["schemas"]["TestMessage"];
            };
        };
        responses: {
            /** @description End this webhook */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Message accepted */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
}
