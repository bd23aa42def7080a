/** Groups of operations, in the order in which `/docs` lists them. */
export const TAGS = [
  { name: "Pages", description: "Up to 50 rows of one security, newest first." },
  { name: "History", description: "All rows of a date range of one security." },
  { name: "Latest", description: "The newest row of up to 50 securities." },
  {
    name: "Webhooks",
    description: "Signed messages when a new row is published. They require an API key.",
  },
  { name: "MCP", description: "Model Context Protocol: the same data as tools of AI assistants." },
  { name: "Operator", description: "Liveness, readiness and metrics of the service." },
  { name: "Description", description: "Explanations of error codes, and the API in OpenAPI format." },
] as const;
