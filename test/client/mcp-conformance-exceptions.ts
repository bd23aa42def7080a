/**
 * Checks of the conformance suite that do not apply to this server, as `scenario:check`, by the reason. A check that is
 * listed fails in every revision that has it.
 */
export const EXCEPTIONS: readonly { readonly reason: string; readonly checks: readonly string[] }[] = [
  {
    reason:
      "The server offers tools only: initialize and server/discover announce no prompts, resources, completions and logging. The methods do not exist.",
    checks: [
      "caching:sep-2549-prompts-list-caching-hints",
      "caching:sep-2549-resources-list-caching-hints",
      "caching:sep-2549-resources-templates-list-caching-hints",
      "completion-complete:completion-complete",
      "input-required-result-non-tool-request:sep-2322-non-tool-incomplete",
      "logging-set-level:logging-set-level",
      "prompts-get-embedded-resource:prompts-get-embedded-resource",
      "prompts-get-simple:prompts-get-simple",
      "prompts-get-with-args:prompts-get-with-args",
      "prompts-get-with-image:prompts-get-with-image",
      "prompts-list:prompts-list",
      "resources-list:resources-list",
      "resources-read-binary:resources-read-binary",
      "resources-read-text:resources-read-text",
      "resources-subscribe:resources-subscribe",
      "resources-templates-read:resources-templates-read",
      "resources-unsubscribe:resources-unsubscribe",
      "sep-2164-resource-not-found:sep-2164-data-uri",
      "sep-2164-resource-not-found:sep-2164-error-code",
    ],
  },
  {
    reason:
      "The check calls a tool that the suite expects in a test server. mcp.test.ts checks the results and errors of the tools that exist here.",
    checks: [
      "json-schema-2020-12:json-schema-2020-12-tool-found",
      "tools-call-audio:tools-call-audio",
      "tools-call-embedded-resource:tools-call-embedded-resource",
      "tools-call-error:tools-call-error",
      "tools-call-image:tools-call-image",
      "tools-call-mixed-content:tools-call-mixed-content",
      "tools-call-simple-text:tools-call-simple-text",
    ],
  },
  {
    reason:
      "Responses are JSON, never streams. The server sends no log messages, progress, requests and notifications to clients.",
    checks: [
      "server-stateless:sep-2575-http-server-no-independent-requests-on-stream",
      "server-stateless:sep-2575-server-no-log-without-loglevel",
      "server-sse-multiple-streams:server-sse-multiple-streams-session",
      "server-sse-polling:server-sse-polling-session",
      "tools-call-with-logging:tools-call-with-logging",
      "tools-call-with-progress:tools-call-with-progress",
    ],
  },
  {
    reason: "No tool asks the client for input: there is no elicitation, sampling and list of roots.",
    checks: [
      "elicitation-sep1034-defaults:elicitation-sep1034-general",
      "elicitation-sep1330-enums:elicitation-sep1330-general",
      "input-required-result-basic-elicitation:sep-2322-elicitation-incomplete",
      "input-required-result-basic-list-roots:sep-2322-list-roots-incomplete",
      "input-required-result-basic-sampling:sep-2322-sampling-incomplete",
      "input-required-result-capability-check:sep-2322-respect-client-capabilities",
      "input-required-result-ignore-extra-params:sep-2322-ignore-unexpected-params",
      "input-required-result-missing-input-response:sep-2322-missing-response-rerequests",
      "input-required-result-multi-round:sep-2322-multi-round-r1",
      "input-required-result-multiple-input-requests:sep-2322-multiple-inputs-incomplete",
      "input-required-result-request-state:sep-2322-request-state-incomplete",
      "input-required-result-result-type:sep-2322-result-type-included",
      "input-required-result-tampered-state:sep-2322-reject-tampered-state",
      "server-stateless:sep-2575-missing-capability-http-400",
      "server-stateless:sep-2575-server-rejects-undeclared-capability",
      "tools-call-elicitation:tools-call-elicitation",
      "tools-call-sampling:tools-call-sampling",
    ],
  },
  {
    reason: "No tool has arguments in headers (x-mcp-header).",
    checks: [
      "http-custom-header-server-validation:sep-2243-server-decode-base64",
      "http-custom-header-server-validation:sep-2243-server-no-xmcp-tool",
      "http-custom-header-server-validation:sep-2243-server-reject-invalid-param-chars",
      "http-custom-header-server-validation:sep-2243-server-reject-param-mismatch",
      "http-custom-header-server-validation:sep-2243-server-validate-param-match",
    ],
  },
];
